<?php
use PointSync\Migration\CsvFile;
use PointSync\Migration\Line;

function csv( string $text ): CsvFile {
	$stream = fopen( 'php://memory', 'r+b' );
	fwrite( $stream, $text );
	rewind( $stream );
	return new CsvFile( $stream, 'default' );
}
function lines( string $text ): array {
	$file = csv( $text );
	same( '', $file->problem, $text );
	return array_map( static fn( Line $line ): array => array( $line->place, $line->customer, $line->points, $line->reserve ), $file->next( 100 ) );
}
function line( string $email, string $points ): Line {
	return new Line( '1', $email, $points, 'default' );
}

function test_a_line_is_checked(): void {
	same( array( 'new', 'alice@x.example', 50 ), array( line( ' Alice@X.example', '50' )->state, line( ' Alice@X.example', '50' )->customer, line( 'a@x.example', '50' )->points ) );
	foreach ( array( '50.00', '50,0', '+50', ' 50 ' ) as $text ) {
		same( 50, line( 'a@x.example', $text )->points, $text );
	}
	$doubtful = array( '1.000' => Line::AMBIGUOUS, '1,500' => Line::AMBIGUOUS, '1 000' => Line::AMBIGUOUS, '12.5' => Line::NO_NUMBER, '' => Line::NO_NUMBER, 'many' => Line::NO_NUMBER, '-5' => Line::BELOW_ZERO, '−5' => Line::BELOW_ZERO, '2000000001' => Line::TOO_MANY, '5e1' => Line::NO_NUMBER );
	foreach ( $doubtful as $text => $reason ) {
		same( array( Line::DOUBTFUL, $reason ), array( line( 'a@x.example', (string) $text )->state, line( 'a@x.example', (string) $text )->reason ), (string) $text );
	}
	foreach ( array( '', 'alice', 'a@b', 'a b@x.example', 'a@x.example, b@x.example', str_repeat( 'a', 190 ) . '@x.example' ) as $email ) {
		same( Line::NO_ADDRESS, line( $email, '5' )->reason, $email );
	}
	same( array( Line::EMPTY, '' ), array( line( 'nobody', '0' )->state, line( 'nobody', '0' )->reason ), '0 points need no address' );
}
function test_columns_are_found_by_their_names(): void {
	same( array( array( '2', 'a@x.example', 5, 'default' ) ), lines( "Name,E-Mail,Points\nA,a@x.example,5\n" ) );
	same( array( array( '2', 'a@x.example', 5, 'bonus' ), array( '3', 'b@x.example', 6, 'default' ) ), lines( "\xEF\xBB\xBFemail;points;reserve\r\na@x.example;5;bonus\r\nb@x.example;6;\r\n" ) );
	same( array( array( '3', 'a@x.example', 5, 'default' ) ), lines( "sep=;\nPunkte;Email\n5;a@x.example\n" ) );
	same( array( array( '2', '=a@x.example', 5, 'default' ) ), lines( "email,points\n'=a@x.example,5\n" ), 'an apostrophe against formulas' );
}
function test_columns_are_found_by_what_is_in_them(): void {
	same( array( array( '1', 'a@x.example', 5, 'default' ), array( '2', 'b@x.example', 6, 'default' ) ), lines( "a@x.example,5\nb@x.example,6" ) );
	same( array( array( '1', 'a@x.example', 5, 'bonus' ) ), lines( "5\ta@x.example\tbonus\n" ) );
}
function test_quotes_and_empty_lines(): void {
	same( array( array( '2', 'a@x.example', 5, 'default' ), array( '4', 'b@x.example', 6, 'default' ) ), lines( "name,email,points\n\"A, the first\",a@x.example,5\n\n\"B\"\"\",b@x.example,\"6\"\n" ) );
}
function test_what_cannot_be_read(): void {
	same( 'empty', csv( '' )->problem );
	same( 'no_columns', csv( "name,age\nA,5\n" )->problem );
	same( 'no_columns', csv( "a@x.example\n" )->problem );
	same( 'not_utf8', csv( "email,points\xE4\n" )->problem );
	same( 'not_utf8', csv( "PK\0\1" )->problem );
}
function test_it_is_read_in_parts(): void {
	$file = csv( "email,points\n" . str_repeat( "a@x.example,5\n", 7 ) );
	same( array( 3, 3, 1, 0 ), array( count( $file->next( 3 ) ), count( $file->next( 3 ) ), count( $file->next( 3 ) ), count( $file->next( 3 ) ) ) );
}

<?php
use PointSync\Connection\Code;

function code_text( array $parts ): string {
	return 'psc1.' . rtrim( strtr( base64_encode( json_encode( $parts ) ), '+/', '-_' ), '=' );
}
function test_a_code_has_the_url_and_the_secret(): void {
	$code = Code::parse( code_text( array( 'u' => 'https://points.example/', 'c' => 'se-cr_et?' ) ) );
	same( 'https://points.example', $code->url );
	same( 'se-cr_et?', $code->code );
}
function test_spaces_and_line_breaks_do_no_harm(): void {
	$text = code_text( array( 'u' => 'https://points.example', 'c' => 'abc' ) );
	same( 'abc', Code::parse( "  \n" . chunk_split( $text, 20, " \r\n" ) )->code );
}
function test_each_length_of_padding_is_read(): void {
	foreach ( array( 'a', 'ab', 'abc', 'abcd' ) as $secret ) {
		same( $secret, Code::parse( code_text( array( 'u' => 'http://127.0.0.1:8080/x', 'c' => $secret ) ) )->code );
	}
}
function test_anything_else_is_no_code(): void {
	$wrong = array(
		'',
		'psc1.',
		'psc1.!!!',
		'psk_abc',
		code_text( array( 'u' => 'https://points.example' ) ),
		code_text( array( 'u' => 'https://points.example', 'c' => '' ) ),
		code_text( array( 'u' => 'https://points.example', 'c' => 5 ) ),
		code_text( array( 'u' => 'ftp://points.example', 'c' => 'a' ) ),
		code_text( array( 'u' => 'https://points.example/?x', 'c' => 'a' ) ),
		code_text( array( 'u' => 'https://', 'c' => 'a' ) ),
		'psc1.' . str_repeat( 'A', 3000 ),
		'psc1.' . base64_encode( '"text"' ),
	);
	foreach ( $wrong as $text ) {
		same( null, Code::parse( $text ), $text );
	}
}

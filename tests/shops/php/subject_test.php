<?php

use PointSync\Privacy\Subject;

function test_texts_lose_the_address_and_no_longer_one(): void {
	$subject = new Subject( 'Alice@Example.com' );
	$texts   = array(
		'A gift of ALICE@example.com.'                => 'A gift of (erased).',
		'/customers/alice%40example.com/rename'       => '/customers/(erased)/rename',
		'{"customer":"alice@example.com","points":1}' => '{"customer":"(erased)","points":1}',
		'malice@example.com, alice@example.com.au'    => 'malice@example.com, alice@example.com.au',
		'alice@example.community'                     => 'alice@example.community',
		'x.alice@example.com'                         => 'x.alice@example.com',
		"alice@example.com\xff"                       => "(erased)\xff",
		''                                            => '',
	);
	foreach ( $texts as $text => $expected ) {
		same( $expected, $subject->remove_from( (string) $text ) );
		same( $expected !== $text, $subject->is_in( (string) $text ) );
	}
}

function test_other_letters_and_signs(): void {
	$subject = new Subject( 'josé+a@example.com' );
	same( '{"to":"(erased)"}', $subject->remove_from( json_encode( array( 'to' => 'josé+a@example.com' ) ) ) );
	same( '/customers/(erased)', $subject->remove_from( '/customers/' . rawurlencode( 'josé+a@example.com' ) ) );
	same( 'jose+a@example.com', $subject->remove_from( 'jose+a@example.com' ) );
}

function test_what_is_later_belongs_to_somebody_else(): void {
	$subject = Subject::until( 'a@example.com', '2026-12-01T09:00:00.214Z' );
	same( '2026-12-01 09:00:00', $subject->until );
	same( array( true, true, false ), array_map( array( $subject, 'covers' ), array( '2026-11-30 23:59:59', '2026-12-01 09:00:00', '2026-12-01 09:00:01' ) ) );
	same( true, ( new Subject( 'a@example.com' ) )->covers( '2099-01-01 00:00:00' ) );
}

<?php
use PointSync\Feed\Address;

function test_an_address_is_stored_without_space_and_in_lower_case(): void {
	same( 'alice@example.com', Address::key( " Alice@Example.COM\n" ) );
	same( 'ärger@bücher.example', Address::key( 'ÄRGER@BÜCHER.example' ) );
	same( 191, strlen( Address::key( str_repeat( 'a', 300 ) ) ) );
}

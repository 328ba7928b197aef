<?php
use PointSync\Connection\Place;

function test_all_ways_of_writing_an_address_are_one_place(): void {
	foreach ( array( 'https://shop.example', 'http://shop.example/', 'HTTPS://Shop.Example:443', 'https://shop.example.:80/', 'shop.example' ) as $url ) {
		same( 'shop.example', Place::of( $url ), $url );
	}
}
function test_another_host_port_or_path_is_another_place(): void {
	foreach ( array( 'https://www.shop.example', 'https://shop.example/fr', 'https://shop.example:8443', 'https://staging.shop.example' ) as $url ) {
		same( false, Place::is_same( 'https://shop.example', $url ), $url );
	}
	same( 'shop.example:8443/fr', Place::of( 'https://shop.example:8443/fr/' ) );
}
function test_what_is_no_address_has_no_place(): void {
	foreach ( array( '', '   ', 'http://', 'http://:80' ) as $url ) {
		same( '', Place::of( $url ), $url );
	}
}

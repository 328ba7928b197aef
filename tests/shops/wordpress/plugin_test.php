<?php
// The plugin's life in a real WordPress, in the order in which it happens. $code is a connection code of a real PointSync.

use PointSync\Connection\Client;
use PointSync\Connection\Connector;
use PointSync\Connection\Key;
use PointSync\Connection\Shop;
use PointSync\Connection\StateReport;
use PointSync\Storage\Options;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

const PLUGIN = 'pointsync/pointsync.php';

function existing_tables(): array {
	global $wpdb;
	$is_shown = $wpdb->suppress_errors();
	$found    = array_filter( Tables::NAMES, static fn( string $noun ): bool => false !== $wpdb->query( 'SELECT 1 FROM ' . Tables::name( $noun ) . ' LIMIT 1' ) );
	$wpdb->suppress_errors( $is_shown );
	return array_values( $found );
}
function shown( callable $show ): string {
	ob_start();
	$show();
	return ob_get_clean();
}

function test_it_is_activated_and_has_its_tables(): void {
	same( null, activate_plugin( PLUGIN ) );
	same( true, is_plugin_active( PLUGIN ) );
	same( Tables::NAMES, existing_tables() );
	same( true, Tables::are_current() );
	PointSync\Lifecycle::activate();
	same( Tables::NAMES, existing_tables(), 'a second time' );
}
function test_values_are_read_as_they_were_stored(): void {
	foreach ( array( null, '', '0', 'text' ) as $value ) {
		if ( null !== $value ) {
			Values::set( 'test', $value );
		}
		same( $value, Values::get( 'test' ) );
	}
	Values::remove( 'test' );
}
function test_its_page_asks_for_a_code(): void {
	PointSync\Plugin::register();
	wp_set_current_user( 1 );
	wp_get_current_user()->add_cap( 'manage_woocommerce' );
	$page = shown( array( PointSync\Admin\Page::class, 'show' ) );
	same( 1, substr_count( $page, 'id="pointsync-code"' ) );
	same( 0, substr_count( $page, 'type="password"' ), 'no secret to type' );
}
function test_a_wrong_code_says_why( string $code ): void {
	same( 0, strpos( Connector::connect( 'psc1.x' ), 'This is not a connection code.' ) );
	$parts  = json_decode( base64_decode( strtr( substr( $code, 5 ), '-_', '+/' ) ), true );
	$strange = 'psc1.' . base64_encode( json_encode( array( 'u' => $parts['u'], 'c' => 'unknown' ) ) );
	same( 0, strpos( Connector::connect( $strange ), 'This code is unknown here' ) );
	same( false, Shop::is_connected() );
}
function test_it_connects_with_the_code( string $code ): void {
	same( '', Connector::connect( $code ) );
	same( true, Shop::is_connected() );
	same( 0, strpos( Key::get(), 'psk_' ) );
	$page = shown( array( PointSync\Admin\Page::class, 'show' ) );
	same( 0, substr_count( $page, Key::get() ), 'the key is not shown' );
}
function test_the_key_is_not_loaded_with_each_page(): void {
	same( false, array_key_exists( Options::KEY, wp_load_alloptions( true ) ) );
}
function test_its_calls_are_from_its_address(): void {
	$answer = Client::call( 'GET', '/orders' );
	same( 200, $answer->status, $answer->message() );
	same( 409, Client::call_at( Shop::url(), 'GET', '/orders', null, 5.0, array( 'Authorization' => 'Bearer ' . Key::get(), 'pointsync-home' => 'https://copy.example' ) )->status );
}
function test_a_code_counts_once( string $code ): void {
	same( 0, strpos( Connector::connect( $code ), 'This code was used already.' ) );
	same( true, Shop::is_connected() );
}
function test_its_state_is_accepted(): void {
	StateReport::send();
	same( array(), PointSync\Errors::all() );
}
function test_it_is_removed_only_if_asked(): void {
	deactivate_plugins( PLUGIN );
	if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
		define( 'WP_UNINSTALL_PLUGIN', PLUGIN );
	}
	$uninstall = static function (): void {
		// The file defines a constant and a class loader that are there already in this request.
		$code = file_get_contents( WP_PLUGIN_DIR . '/pointsync/uninstall.php' );
		$code = preg_replace( '/^(define|require_once).*$/m', '', $code );
		eval( '?>' . $code );
	};
	$uninstall();
	same( Tables::NAMES, existing_tables(), 'kept' );
	Options::set( Options::UNINSTALL, 'drop' );
	$uninstall();
	same( array(), existing_tables() );
	foreach ( Options::ALL as $name ) {
		same( false, get_option( $name ), $name );
	}
}

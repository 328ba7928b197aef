<?php
// Runs one action in a shop: php driver.php FOLDER < {"do": action, …}. Prints JSON. Each run is a request of its own.

$folder = $argv[1];
foreach ( array( 'HTTP_HOST' => '127.0.0.1', 'SERVER_NAME' => '127.0.0.1', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET', 'REMOTE_ADDR' => '127.0.0.1' ) as $name => $value ) {
	$_SERVER[ $name ] = $value;
}
$in = json_decode( stream_get_contents( STDIN ), true );
require $folder . '/wp-load.php';
wp_set_current_user( isset( $in['as'] ) ? $in['as'] : 1 );
if ( isset( $in['home'] ) ) {  // as if the shop were at another address
	add_filter( 'pre_option_home', static fn() => $in['home'] );
}
if ( isset( $in['incl'] ) ) {
	$prices = $in['incl'] ? 'yes' : 'no';
	add_filter( 'pre_option_woocommerce_prices_include_tax', static fn() => $prices );
}
foreach ( glob( __DIR__ . '/driver/*.php' ) as $file ) {
	require_once $file;
}
$action = 'do_' . $in['do'];
$out    = $action( $in );
echo json_encode( $out ), "\n";

<?php
// What goes wrong in a shop: requests that are killed, and what is needed to restore its database.

// The request is killed when WooCommerce has stored the order, before the plugin has heard of it.
function do_killed_at_status( array $in ) {
	add_action( 'woocommerce_update_order', static fn() => posix_kill( getmypid(), SIGKILL ), 1 );
	driver_order( $in['id'] )->update_status( $in['status'] );
}
function do_killed_at_creation( array $in ) {
	add_action(
		'woocommerce_new_order',
		static function ( $id ) use ( $in ) {
			file_put_contents( $in['file'], $id );
			posix_kill( getmypid(), SIGKILL );
		},
		1
	);
	do_order( $in );
}
// The request is killed after the row was written and before it was sent.
function do_killed_before_sending( array $in ) {
	add_action( 'shutdown', static fn() => posix_kill( getmypid(), SIGKILL ), 1 );
	driver_order( $in['id'] )->update_status( $in['status'] );
}
// As if the order had been made a quarter of an hour ago.
function do_backdate( array $in ) {
	global $wpdb;
	$at = gmdate( 'Y-m-d H:i:s', time() - 900 );
	if ( PointSync\Orders\OrderTable::is_hpos() ) {
		$wpdb->update( $wpdb->prefix . 'wc_orders', array( 'date_created_gmt' => $at ), array( 'id' => $in['id'] ) );
	} else {
		$wpdb->update( $wpdb->posts, array( 'post_date_gmt' => $at ), array( 'ID' => $in['id'] ) );
	}
}
function do_database( array $in ) {
	return array( 'name' => DB_NAME, 'user' => DB_USER, 'password' => DB_PASSWORD, 'host' => DB_HOST );
}
// As if the last contact had been so long ago.
function do_silence( array $in ) {
	$state              = PointSync\Storage\Values::get_array( PointSync\Connection\Pace::NAME );
	$state['worked_at'] = time() - $in['seconds'];
	PointSync\Storage\Values::set_array( PointSync\Connection\Pace::NAME, $state );
}

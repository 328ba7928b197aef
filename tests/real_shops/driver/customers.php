<?php
// Customers' accounts, and the points of orders.

use PointSync\Connection\Shop;
use PointSync\Customers\VerifiedAddress;
use PointSync\Spending\Account;
use PointSync\Cart\Settings;
use PointSync\Storage\Tables;

// Who manages the shop in a browser.
function do_admin( array $in ) {
	$user = get_user_by( 'login', 'pointsync-tests' );
	$id   = $user ? $user->ID : wp_insert_user( array( 'user_login' => 'pointsync-tests', 'user_pass' => 'a-Pass-of-1', 'user_email' => 'tests@example.com', 'role' => 'administrator' ) );
	wp_set_password( 'a-Pass-of-1', $id );
	update_user_meta( $id, 'session_tokens', array() );
	return array( 'login' => 'pointsync-tests' );
}
function do_new_account( array $in ) {
	$id = wc_create_new_customer( $in['email'], bin2hex( random_bytes( 10 ) ), 'a-Pass-of-1' );
	if ( is_wp_error( $id ) ) {
		throw new Exception( $id->get_error_message() );
	}
	if ( ! empty( $in['verified'] ) ) {
		VerifiedAddress::confirm( $id, VerifiedAddress::BY_LINK );
	}
	return array( 'id' => $id );
}
// An account with a verified address, whose points in PointSync the shop has just read.
function do_buyer( array $in ) {
	do_classic_pages( $in );
	do_spending( array( 'set' => $in['settings'] ) );
	$account = do_new_account( array( 'email' => $in['email'], 'verified' => true ) );
	PointSync\Storage\Values::remove( PointSync\Connection\Pace::NAME );
	do_action( PointSync\Schedule::MINUTE );
	return $account + array( 'points' => PointSync\Feed\Balances::get( $in['email'] ) );
}
function do_account_email( array $in ) {
	$customer = new WC_Customer( $in['id'] );
	$customer->set_email( $in['email'] );
	$customer->save();
}
function do_verified( array $in ) {
	return array( 'address' => VerifiedAddress::of_user( $in['id'] ), 'last' => VerifiedAddress::last( $in['id'] ) );
}
function do_spending( array $in ) {
	Settings::store( array_merge( Settings::all(), $in['set'] ) );
}
function do_classic_pages( array $in ) {
	foreach ( array( 'classic-cart' => '[woocommerce_cart]', 'classic-checkout' => '[woocommerce_checkout]' ) as $slug => $text ) {
		if ( ! get_page_by_path( $slug ) ) {
			wp_insert_post( array( 'post_type' => 'page', 'post_status' => 'publish', 'post_name' => $slug, 'post_title' => $slug, 'post_content' => $text ) );
		}
	}
	update_option( 'pointsync_tests_payment', 'paid' );
}
function do_points_of( array $in ) {
	global $wpdb;
	$table = Tables::name( 'spending' );
	$row   = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE order_id = %d", $in['id'] ), ARRAY_A );
	$order = wc_get_order( $in['id'] );
	return array(
		'row'     => $row,
		'status'  => $order ? $order->get_status() : '',
		'total'   => $order ? $order->get_total() : '',
		'key'     => $order ? $order->get_order_key() : '',
		'pay_url' => $order ? $order->get_checkout_payment_url() : '',
		'coupons' => $order ? count( $order->get_items( 'coupon' ) ) : 0,
		'notes'   => $order ? wp_list_pluck( wc_get_order_notes( array( 'order_id' => $in['id'] ) ), 'content' ) : array(),
	);
}
// The newest order of a customer.
function do_newest_order( array $in ) {
	$orders = wc_get_orders( array( 'billing_email' => $in['email'], 'limit' => 20, 'orderby' => 'ID', 'order' => 'DESC', 'status' => 'any' ) );
	return array( 'ids' => array_map( static fn( $order ) => $order->get_id(), $orders ) );
}
function do_time_out( array $in ) {
	global $wpdb;
	$order = wc_get_order( $in['id'] );
	$order->set_date_created( time() - 3 * DAY_IN_SECONDS );
	$order->save();
	update_option( 'woocommerce_hold_stock_minutes', '60' );
	update_option( 'woocommerce_manage_stock', 'yes' );
	if ( $wpdb->get_var( "SHOW TABLES LIKE '{$wpdb->prefix}wc_orders'" ) ) {
		$wpdb->update( "{$wpdb->prefix}wc_orders", array( 'date_updated_gmt' => gmdate( 'Y-m-d H:i:s', time() - 3 * DAY_IN_SECONDS ) ), array( 'id' => $in['id'] ) );
	}
	$wpdb->update( $wpdb->posts, array( 'post_modified' => gmdate( 'Y-m-d H:i:s', time() - 3 * DAY_IN_SECONDS ), 'post_modified_gmt' => gmdate( 'Y-m-d H:i:s', time() - 3 * DAY_IN_SECONDS ) ), array( 'ID' => $in['id'] ) );
	clean_post_cache( $in['id'] );
	wp_cache_flush();
	wc_cancel_unpaid_orders();
}
// All that is due, as if the waits after failures were over.
function do_settle( array $in ) {
	global $wpdb;
	$table = Tables::name( 'spending' );
	PointSync\Storage\Values::remove( PointSync\Connection\Pace::NAME );
	$wpdb->query( "UPDATE {$table} SET due_at = '2020-01-01' WHERE due_at IS NOT NULL" );
	do_action( PointSync\Schedule::MINUTE );
	if ( ! empty( $in['queue'] ) ) {
		ActionScheduler::runner()->run( 'tests' );
	}
	return empty( $in['id'] ) ? null : do_points_of( $in );
}
function do_box( array $in ) {
	ob_start();
	PointSync\Admin\OrderBox::show( wc_get_order( $in['id'] ) );
	return array( 'html' => ob_get_clean() );
}
// The staff presses a button of the order's box.
function do_press( array $in ) {
	$order   = wc_get_order( $in['id'] );
	$account = Account::of_order( $order );
	$change  = new ReflectionMethod( 'PointSync\Admin\OrderBox', 'change' );
	$change->setAccessible( true );
	$change->invoke( null, $order, $account, $in['button'] );
	Account::set_due( $account->id );
	PointSync\Spending\Settle::run( $account->id );
}
function do_recalculate( array $in ) {
	$order = wc_get_order( $in['id'] );
	$order->recalculate_coupons();
	$order->save();
}
function do_remove_points( array $in ) {
	$order = wc_get_order( $in['id'] );
	$line  = PointSync\Spending\OrderFacts::coupon_line( $order );
	$order->remove_coupon( $line->get_code() );
	$order->save();
}
function do_rename_notice( array $in ) {
	ob_start();
	PointSync\Customers\Rename::show_conflicts();
	PointSync\Storage\Values::remove( PointSync\Customers\Rename::CONFLICTS );
	return array( 'html' => ob_get_clean() );
}
// The staff saves a profile with a change of the points.
function do_profile( array $in ) {
	foreach ( array( 'points', 'reason', 'ref' ) as $name ) {
		$_POST[ "pointsync_$name" ] = $in[ $name ];
	}
	$_POST['pointsync_profile_nonce'] = wp_create_nonce( PointSync\Admin\ProfileBox::ACTION );
	$errors                           = new WP_Error();
	PointSync\Admin\ProfileBox::save( $errors, true, (object) array( 'ID' => $in['id'] ) );
	return $errors->get_error_messages();
}

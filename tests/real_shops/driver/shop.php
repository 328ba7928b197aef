<?php
// What the shop has: products, coupons, taxes, customers.

function do_prepare( array $in ) {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$result = activate_plugin( 'pointsync/pointsync.php' );
	if ( is_wp_error( $result ) ) {
		throw new Exception( $result->get_error_message() );
	}
	return array( 'home' => untrailingslashit( get_option( 'home' ) ) );
}
function do_home( array $in ) {
	return array( 'home' => untrailingslashit( get_option( 'home' ) ) );
}
// What the plugin keeps in the shop when it is removed.
function do_forget_plugin( array $in ) {
	global $wpdb;
	foreach ( $wpdb->get_col( "SHOW TABLES LIKE '{$wpdb->prefix}pointsync%'" ) as $table ) {
		$wpdb->query( "DROP TABLE {$table}" );
	}
	foreach ( $wpdb->get_col( "SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE 'pointsync%' AND option_name NOT LIKE 'pointsync_tests%'" ) as $name ) {
		delete_option( $name );
	}
	delete_metadata( 'user', 0, $wpdb->prefix . 'pointsync_verified', '', true );
}
function do_options( array $in ) {
	foreach ( $in['set'] as $name => $value ) {
		update_option( $name, $value );
	}
}
function do_tax( array $in ) {
	global $wpdb;
	$wpdb->query( "DELETE FROM {$wpdb->prefix}woocommerce_tax_rates" );
	WC_Tax::_insert_tax_rate( array( 'tax_rate_country' => 'DE', 'tax_rate' => $in['rate'], 'tax_rate_name' => 'VAT', 'tax_rate_priority' => 1, 'tax_rate_compound' => 0, 'tax_rate_shipping' => 1, 'tax_rate_order' => 1, 'tax_rate_class' => '' ) );
	WC_Cache_Helper::invalidate_cache_group( 'taxes' );
}
function do_product( array $in ) {
	$known   = empty( $in['is_reused'] ) ? array() : wc_get_products( array( 'name' => $in['name'], 'status' => 'publish', 'limit' => 1, 'orderby' => 'ID', 'order' => 'ASC' ) );
	$product = $known ? $known[0] : new WC_Product_Simple();
	$product->set_name( $in['name'] );
	$product->set_regular_price( $in['price'] );
	$product->set_status( 'publish' );
	$product->set_tax_status( empty( $in['tax'] ) ? 'none' : 'taxable' );
	return array( 'id' => $product->save() );
}
function do_coupon( array $in ) {
	$coupon = new WC_Coupon();
	$coupon->set_code( $in['code'] );
	$coupon->set_discount_type( $in['type'] );
	$coupon->set_amount( $in['amount'] );
	return array( 'id' => $coupon->save() );
}
function do_customer( array $in ) {
	$id = wc_create_new_customer( $in['email'], str_replace( array( '@', '.' ), '-', $in['email'] ), 'a-Pass-of-1' );
	if ( is_wp_error( $id ) ) {
		throw new Exception( $id->get_error_message() );
	}
	return array( 'id' => $id );
}

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
function do_forget_account( array $in ) {
	require_once ABSPATH . 'wp-admin/includes/user.php';
	$user = get_user_by( 'email', $in['email'] );
	if ( $user ) {
		wp_delete_user( $user->ID );
	}
}
// Another theme, with its dark mode; the one from before if the name is empty.
function do_theme( array $in ) {
	$before = get_option( 'pointsync_tests_theme' );
	$name   = '' === $in['name'] ? (string) $before : $in['name'];
	if ( ! wp_get_theme( $name )->exists() ) {
		return array( 'is_there' => false );
	}
	if ( get_stylesheet() !== $name ) {
		update_option( 'pointsync_tests_theme', get_stylesheet() );
	}
	switch_theme( $name );
	set_theme_mod( 'respect_user_color_preference', true );
	return array( 'is_there' => true );
}
// Where the staff edits an order; the list of orders for 0.
function do_edit_url( array $in ) {
	if ( $in['id'] ) {
		return array( 'url' => wc_get_order( $in['id'] )->get_edit_order_url() );
	}
	$is_hpos = PointSync\Orders\OrderTable::is_hpos();
	return array( 'url' => admin_url( $is_hpos ? 'admin.php?page=wc-orders' : 'edit.php?post_type=shop_order' ) );
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
function do_merchant( array $in ) {
	$id = wp_insert_user( array( 'user_login' => $in['name'], 'user_pass' => 'a-Pass-of-1', 'user_email' => $in['name'] . '@example.com', 'role' => 'shop_manager' ) );
	if ( is_wp_error( $id ) ) {
		throw new Exception( $id->get_error_message() );
	}
	return array( 'id' => $id );
}

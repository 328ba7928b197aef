<?php
// Tools › Export Personal Data, and Erase Personal Data, as WordPress carries them out: page by page.

function driver_privacy(): void {
	( new PointSync\Privacy\Exporter() )->register();
	( new PointSync\Privacy\Eraser() )->register();
}
// What the exporter of the plugin gives: the values of each group.
function do_export_person( array $in ) {
	driver_privacy();
	$exporter = apply_filters( 'wp_privacy_personal_data_exporters', array() )['pointsync'];
	$groups   = array();
	for ( $page = 1, $is_done = false; ! $is_done; ++$page ) {
		$answer = call_user_func( $exporter['callback'], $in['email'], $page );
		if ( is_wp_error( $answer ) ) {
			return array( 'error' => $answer->get_error_message() );
		}
		foreach ( $answer['data'] as $item ) {
			$groups[ $item['group_id'] ][] = array_column( $item['data'], 'value', 'name' );
		}
		$is_done = $answer['done'];
	}
	return array( 'groups' => $groups, 'pages' => $page - 1 );
}
// All erasers, also WooCommerce's, which remove the data of orders if the option says so.
function do_erase_person( array $in ) {
	update_option( 'woocommerce_erasure_request_removes_order_data', empty( $in['orders'] ) ? 'no' : 'yes' );
	driver_privacy();
	$found = array();
	foreach ( apply_filters( 'wp_privacy_personal_data_erasers', array() ) as $name => $eraser ) {
		for ( $page = 1, $is_done = false; ! $is_done; ++$page ) {
			$answer  = call_user_func( $eraser['callback'], $in['email'], $page );
			$is_done = $answer['done'];
			if ( 'pointsync' === $name ) {
				$found[] = $answer;
			}
		}
	}
	return array( 'pages' => $found );
}
// Texts that name somebody, as older versions, other plugins and failures may leave them.
function do_name_everywhere( array $in ) {
	$email = $in['email'];
	PointSync\Orders\Outbox::add_call( 'sent-' . $email, 'POST', '/customers/' . rawurlencode( $email ) . '/rename', array( 'to' => $email ) );
	PointSync\Orders\Outbox::add_call( 'order-' . md5( $email ), 'POST', '/movements', array( 'customer' => strtoupper( $email ) ) );
	PointSync\Errors::add( 'test', "PointSync does not know $email." );
	PointSync\Storage\Values::set_array( PointSync\Customers\Rename::CONFLICTS, array( array( 'user' => 1, 'from' => $email, 'to' => 'other@example.com', 'message' => '', 'at' => '' ) ) );
}
// The rows of the plugin that name somebody: its tables, its options, what it has put into accounts, orders and notes.
function do_who_is_named( array $in ) {
	global $wpdb;
	$like   = '%' . $wpdb->esc_like( $in['email'] ) . '%';
	$found  = array();
	foreach ( $wpdb->get_col( "SHOW TABLES LIKE '{$wpdb->prefix}pointsync%'" ) as $table ) {
		foreach ( $wpdb->get_results( "SELECT * FROM {$table}", ARRAY_A ) as $row ) {
			$text = implode( ' ', $row );
			if ( false !== stripos( $text, $in['email'] ) || false !== stripos( $text, rawurlencode( $in['email'] ) ) ) {
				$found[] = "$table: $text";
			}
		}
	}
	$queries = array(
		"SELECT option_value FROM {$wpdb->options} WHERE option_name LIKE '%%pointsync%%' AND option_value LIKE %s",
		"SELECT meta_value FROM {$wpdb->usermeta} WHERE meta_key LIKE '%%pointsync%%' AND meta_value LIKE %s",
		"SELECT meta_value FROM {$wpdb->prefix}woocommerce_order_itemmeta WHERE meta_key LIKE '%%pointsync%%' AND meta_value LIKE %s",
		"SELECT comment_content FROM {$wpdb->comments} WHERE comment_type = 'order_note' AND comment_content LIKE %s",
		"SELECT args FROM {$wpdb->prefix}actionscheduler_actions WHERE hook LIKE '%%pointsync%%' AND args LIKE %s",
	);
	foreach ( $queries as $query ) {
		$found = array_merge( $found, $wpdb->get_col( $wpdb->prepare( $query, $like ) ) );
	}
	return array( 'rows' => $found );
}

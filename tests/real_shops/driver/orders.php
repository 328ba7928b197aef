<?php
// What merchants do with orders. Buttons of the order's page run WooCommerce's own functions, with their nonces.

function driver_order( $id ): WC_Order {
	$order = wc_get_order( $id );
	if ( ! $order ) {
		throw new Exception( "no order $id" );
	}
	return $order;
}

function do_order( array $in ) {
	$order = wc_create_order( array( 'customer_id' => $in['account'] ?? 0, 'status' => 'pending' ) );
	if ( ! empty( $in['currency'] ) ) {
		$order->set_currency( $in['currency'] );
	}
	$order->set_billing_email( $in['email'] );
	$order->set_billing_country( 'DE' );
	$order->set_shipping_country( 'DE' );
	foreach ( $in['items'] as $item ) {
		$order->add_product( wc_get_product( $item[0] ), $item[1] ?? 1, isset( $item[2] ) ? array( 'subtotal' => $item[2], 'total' => $item[2] ) : array() );
	}
	if ( isset( $in['shipping'] ) ) {
		$shipping = new WC_Order_Item_Shipping();
		$shipping->set_method_title( 'Post' );
		$shipping->set_total( $in['shipping'] );
		if ( empty( $in['shipping_tax'] ) ) {
			$shipping->set_taxes( array( 'total' => array() ) );
		}
		$order->add_item( $shipping );
	}
	foreach ( $in['fees'] ?? array() as $each ) {
		$fee = new WC_Order_Item_Fee();
		$fee->set_name( 'Fee' );
		$fee->set_amount( $each[0] );
		$fee->set_total( $each[0] );
		$fee->set_tax_status( empty( $each[1] ) ? 'none' : 'taxable' );
		$order->add_item( $fee );
	}
	$order->calculate_totals( true );
	foreach ( $in['coupons'] ?? array() as $code ) {
		$applied = $order->apply_coupon( $code );
		if ( is_wp_error( $applied ) ) {
			throw new Exception( $applied->get_error_message() );
		}
	}
	if ( isset( $in['gift'] ) ) {
		$order->set_total( $order->get_total() - $in['gift'] );  // as plugins for gift cards do
	}
	$order->save();
	if ( ! empty( $in['status'] ) ) {
		$order->update_status( $in['status'] );
	}
	return array( 'id' => $order->get_id() );
}

function do_status( array $in ) {
	driver_order( $in['id'] )->update_status( $in['status'] );
}
function do_touch( array $in ) {
	$order = driver_order( $in['id'] );
	$order->set_customer_note( 'touched ' . microtime( true ) );
	$order->save();
}
function do_billing( array $in ) {
	$order = driver_order( $in['id'] );
	$order->set_billing_email( $in['email'] );
	$order->save();
}
function do_account( array $in ) {
	$order = driver_order( $in['id'] );
	$order->set_customer_id( $in['account'] );
	$order->save();
}

// A button of the order's page. WooCommerce ends the request itself.
function driver_ajax( string $name, array $post ): void {
	add_filter( 'wp_doing_ajax', '__return_true' );
	require_once WC_ABSPATH . 'includes/admin/wc-admin-functions.php';
	foreach ( array( 'security' => wp_create_nonce( 'order-item' ) ) + $post as $key => $value ) {
		$_REQUEST[ $key ] = is_array( $value ) ? $value : wp_slash( (string) $value );
		$_POST[ $key ]    = $_REQUEST[ $key ];
	}
	do_action( "wp_ajax_woocommerce_$name" );
	throw new Exception( "no ajax function $name" );
}
// lines: [kind, index, quantity, total, tax]
function do_refund( array $in ) {
	$order = driver_order( $in['id'] );
	$quantities = $totals = $taxes = array();
	foreach ( $in['lines'] ?? array() as $line ) {
		$item  = array_values( $order->get_items( $line[0] ) )[ $line[1] ];
		$id    = $item->get_id();
		$rates = array_keys( $item->get_taxes()['total'] ?? array() );
		$quantities[ $id ] = $line[2];
		$totals[ $id ]     = $line[3];
		if ( ! empty( $line[4] ) && $rates ) {
			$taxes[ $id ] = array( $rates[0] => $line[4] );
		}
	}
	driver_ajax(
		'refund_line_items',
		array(
			'order_id'               => $in['id'],
			'refund_amount'          => $in['amount'],
			'refunded_amount'        => $order->get_total_refunded(),
			'refund_reason'          => 'try',
			'line_item_qtys'         => json_encode( (object) $quantities ),
			'line_item_totals'       => json_encode( (object) $totals ),
			'line_item_tax_totals'   => json_encode( (object) $taxes ),
			'api_refund'             => 'false',
			'restock_refunded_items' => 'false',
		)
	);
}
function do_refund_delete( array $in ) {
	$refunds = driver_order( $in['id'] )->get_refunds();
	driver_ajax( 'delete_refund', array( 'refund_id' => array( $refunds[ $in['index'] ?? 0 ]->get_id() ) ) );
}
function do_refund_delete_by_code( array $in ) {
	driver_order( $in['id'] )->get_refunds()[0]->delete( true );
}
function do_remove_line( array $in ) {
	$item = array_values( driver_order( $in['id'] )->get_items() )[ $in['line'] ];
	driver_ajax( 'remove_order_item', array( 'order_id' => $in['id'], 'order_item_ids' => array( $item->get_id() ), 'country' => 'DE' ) );
}
function do_save_items( array $in ) {
	$item = array_values( driver_order( $in['id'] )->get_items() )[ $in['line'] ];
	$id   = $item->get_id();
	$form = array( 'order_item_id' => array( $id ), 'order_item_qty' => array( $id => $in['qty'] ), 'line_total' => array( $id => $in['total'] ), 'line_subtotal' => array( $id => $in['total'] ) );
	driver_ajax( 'save_order_items', array( 'order_id' => $in['id'], 'items' => http_build_query( $form ) ) );
}
// As a program does, through the REST API.
function do_set_quantity( array $in ) {
	$item    = array_values( driver_order( $in['id'] )->get_items() )[ $in['line'] ];
	$total   = (string) ( $item->get_subtotal() / max( 1, $item->get_quantity() ) * $in['qty'] );
	$request = new WP_REST_Request( 'PUT', "/wc/v3/orders/{$in['id']}" );
	$request->set_header( 'Content-Type', 'application/json' );
	$request->set_body( json_encode( array( 'line_items' => array( array( 'id' => $item->get_id(), 'quantity' => $in['qty'], 'subtotal' => $total, 'total' => $total ) ) ) ) );
	$answer = rest_do_request( $request );
	if ( 200 !== $answer->get_status() ) {
		throw new Exception( json_encode( $answer->get_data() ) );
	}
}
function do_add_line( array $in ) {
	$order = driver_order( $in['id'] );
	$order->add_product( wc_get_product( $in['product'] ), $in['qty'] ?? 1 );
	$order->calculate_totals( true );
}
function do_apply_coupon( array $in ) {
	$order   = driver_order( $in['id'] );
	$applied = $order->apply_coupon( $in['code'] );
	if ( is_wp_error( $applied ) ) {
		throw new Exception( $applied->get_error_message() );
	}
	$order->save();
}
function do_trash( array $in ) {
	driver_order( $in['id'] )->delete( false );
}
function do_untrash( array $in ) {
	$order = driver_order( $in['id'] );
	method_exists( $order, 'untrash' ) ? $order->untrash() : wp_untrash_post( $in['id'] );
}
function do_delete( array $in ) {
	driver_order( $in['id'] )->delete( true );
}

// The orders as WooCommerce's REST API prints them, with their refunds, which is what `worth.py` reads.
function do_states( array $in ) {
	return array_map( 'driver_state', $in['ids'] );
}
function driver_state( $id ) {
	$answer  = rest_do_request( new WP_REST_Request( 'GET', "/wc/v3/orders/$id" ) );
	$refunds = 200 === $answer->get_status() ? rest_do_request( new WP_REST_Request( 'GET', "/wc/v3/orders/$id/refunds" ) )->get_data() : array();
	return array( 'status' => $answer->get_status(), 'order' => $answer->get_data(), 'refunds' => $refunds );
}
// Many small orders in one request.
function do_orders( array $in ) {
	$ids = array();
	foreach ( $in['emails'] as $email ) {
		$ids[] = do_order( array( 'email' => $email, 'items' => $in['items'], 'status' => $in['status'] ) )['id'];
	}
	return array( 'ids' => $ids );
}

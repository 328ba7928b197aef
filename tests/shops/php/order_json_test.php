<?php
use PointSync\Orders\OrderJson;

// An order of WooCommerce, as far as the plugin reads it. The methods are those of WooCommerce's classes.
class Facts {
	protected $facts;
	public function __construct( array $facts = array() ) {
		$this->facts = $facts;
	}
	public function __call( string $name, array $arguments ) {
		if ( 'get_meta' === $name ) {
			return $this->facts['meta'][ $arguments[0] ] ?? '';
		}
		if ( 'get_items' === $name ) {
			return $this->facts['items'][ $arguments[0] ] ?? array();
		}
		return $this->facts[ substr( $name, 4 ) ] ?? ( $this->facts[ $name ] ?? '' );
	}
}
class WC_Order extends Facts {}
class WC_Order_Refund extends Facts {}
class WC_Order_Item extends Facts {}
class WC_Order_Item_Product extends WC_Order_Item {}
class WC_Product extends Facts {}

const READ_AT = '2026-11-30T12:00:00.123456';

function sample_order( array $facts = array() ): WC_Order {
	return new WC_Order(
		$facts + array(
			'id'           => 17,
			'parent_id'    => 0,
			'order_number' => 'A-17',
			'order_key'    => 'wc_order_x',
			'status'       => 'completed',
			'currency'     => 'EUR',
			'total'        => 59.5,
			'customer_id'  => 0,
			'billing_email' => 'alice@example.com',
			'date_created' => new DateTime( '2026-11-29T11:00:00+02:00' ),
			'refunds'      => array(),
		)
	);
}
function product_line( array $facts = array(), array $product = array() ): WC_Order_Item_Product {
	return new WC_Order_Item_Product( $facts + array( 'id' => 3, 'total' => '50', 'total_tax' => 9.5, 'product_id' => 7, 'variation_id' => 0, 'product' => new WC_Product( $product + array( 'type' => 'simple', 'is_on_sale' => false ) ) ) );
}

function test_an_order_is_printed_as_by_the_rest_api(): void {
	$GLOBALS['categories'] = array( 7 => array( '4', '9' ) );
	$json = OrderJson::build( sample_order( array( 'items' => array( 'line_item' => array( product_line() ), 'shipping' => array( new WC_Order_Item( array( 'id' => 4, 'total' => 7.9, 'total_tax' => 0 ) ) ) ) ) ), READ_AT );
	same( 17, $json['id'] );
	same( '59.50', $json['total'] );
	same( '2026-11-29T09:00:00', $json['date_created_gmt'] );
	same( READ_AT, $json['date_modified_gmt'], 'the time at which it was read' );
	same( array( 'email' => 'alice@example.com' ), $json['billing'] );
	same( array( array( 'id' => 3, 'total' => '50.00', 'total_tax' => '9.50', 'product_id' => 7, 'variation_id' => 0, 'categories' => array( 4, 9 ), 'on_sale' => false, 'is_gift_card' => false ) ), $json['line_items'] );
	same( array( array( 'id' => 4, 'total' => '7.90', 'total_tax' => '0.00' ) ), $json['shipping_lines'] );
	same( array(), $json['fee_lines'] );
	same( array(), $json['refunds'] );
	same( false, isset( $json['customer_roles'] ) );
}
function test_a_refund_names_the_lines_that_it_is_for(): void {
	$line   = new WC_Order_Item_Product( array( 'id' => 8, 'total' => -50, 'total_tax' => -9.5, 'product_id' => 7, 'meta' => array( '_refunded_item_id' => '3' ) ) );
	$refund = new WC_Order_Refund( array( 'id' => 21, 'reason' => 'returned', 'amount' => '59.5', 'items' => array( 'line_item' => array( $line ) ) ) );
	$json   = OrderJson::build( sample_order( array( 'refunds' => array( $refund ) ) ), READ_AT );
	same( '59.50', $json['refunds'][0]['amount'] );
	same( array( array( 'id' => 8, 'total' => '-50.00', 'total_tax' => '-9.50', 'meta_data' => array( array( 'key' => '_refunded_item_id', 'value' => 3 ) ), 'product_id' => 7 ) ), $json['refunds'][0]['line_items'] );
	same( array(), $json['refunds'][0]['shipping_lines'] );
}
function test_amounts_have_the_decimals_of_the_shop(): void {
	same( '1500', OrderJson::amount( 1500.0, 0 ) );
	same( '12.345', OrderJson::amount( '12.345', 3 ) );
	same( '0.30', OrderJson::amount( 0.1 + 0.2, 2 ) );
	same( '0.00', OrderJson::amount( '', 2 ) );
	same( '0.00', OrderJson::amount( -0.001, 2 ) );
	same( '123456789.00', OrderJson::amount( 123456789, 2 ) );
	$GLOBALS['decimals'] = 0;
	same( '60', OrderJson::build( sample_order(), READ_AT )['total'] );
	$GLOBALS['decimals'] = 2;
}
function test_the_account_counts_and_not_what_was_typed(): void {
	$GLOBALS['users'] = array( 5 => (object) array( 'user_email' => 'account@example.com', 'roles' => array( 2 => 'wholesale' ) ) );
	$json             = OrderJson::build( sample_order( array( 'customer_id' => 5 ) ), READ_AT );
	same( 'account@example.com', $json['billing']['email'] );
	same( array( 'wholesale' ), $json['customer_roles'] );
	same( 'alice@example.com', OrderJson::customer_address( sample_order( array( 'customer_id' => 6 ) ) ), 'an account that was deleted' );
	$GLOBALS['filters'] = array( 'pointsync_order_customer' => static fn( $email, $order ) => 'verified@example.com' );
	same( 'verified@example.com', OrderJson::customer_address( sample_order( array( 'customer_id' => 5 ) ) ) );
	$GLOBALS['filters'] = array();
}
function sale_line( string $via, array $line, bool $is_on_sale ): bool {
	$order = sample_order( array( 'created_via' => $via, 'items' => array( 'line_item' => array( product_line( $line, array( 'is_on_sale' => $is_on_sale ) ) ) ) ) );
	return OrderJson::build( $order, READ_AT )['line_items'][0]['on_sale'];
}
function test_a_sale_counts_as_it_was_at_the_checkout(): void {
	$noted = array( 'meta' => array( OrderJson::ON_SALE => 'yes' ) );
	same( true, sale_line( 'checkout', $noted, false ), 'the sale has ended since' );
	same( false, sale_line( 'checkout', array(), true ), 'the sale has begun since' );
	same( false, sale_line( 'store-api', array(), true ) );
	same( true, sale_line( 'admin', array(), true ), 'no checkout has noted it' );
}
function test_a_gift_card_is_named(): void {
	foreach ( array( array( 'type' => 'pw-gift-card' ), array( 'meta' => array( '_gift_card' => 'yes' ) ) ) as $product ) {
		$order = sample_order( array( 'items' => array( 'line_item' => array( product_line( array(), $product ) ) ) ) );
		same( true, OrderJson::build( $order, READ_AT )['line_items'][0]['is_gift_card'] );
	}
}
function test_a_product_that_was_deleted_says_nothing_about_itself(): void {
	$order = sample_order( array( 'items' => array( 'line_item' => array( product_line( array( 'product' => false ) ) ) ) ) );
	same( array( 'id', 'total', 'total_tax', 'product_id', 'variation_id' ), array_keys( OrderJson::build( $order, READ_AT )['line_items'][0] ) );
}
function test_a_deleted_order_has_its_id_alone(): void {
	same( array( 'id' => 9, 'deleted' => true ), OrderJson::build_deleted( 9 ) );
}

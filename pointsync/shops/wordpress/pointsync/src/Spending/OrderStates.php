<?php

namespace PointSync\Spending;

use PointSync\Customers\Texts;
use PointSync\Schedule;
use PointSync\Storage\Tables;

/**
 * Notices in an order's own request that it has changed, so that its points follow.
 */
final class OrderStates {

	/** @var bool whether something was noticed in this request */
	private static $is_noticed = false;

	public function register(): void {
		add_action( 'woocommerce_order_status_changed', array( self::class, 'of_status' ), 5, 4 );
		add_action( 'woocommerce_after_order_object_save', array( self::class, 'of_save' ) );
		add_action( 'woocommerce_order_refunded', array( self::class, 'notice' ) );
		add_action( 'woocommerce_refund_deleted', array( self::class, 'of_refund' ), 10, 2 );
		foreach ( array( 'trash', 'untrash', 'delete' ) as $what ) {
			add_action( "woocommerce_{$what}_order", array( self::class, 'notice' ) );
		}
		foreach ( array( 'trashed_post', 'untrashed_post', 'deleted_post' ) as $hook ) {
			add_action( $hook, array( self::class, 'notice' ) );
		}
		add_action( 'shutdown', array( self::class, 'settle' ), 20 );
		add_filter( 'woocommerce_get_order_item_totals', array( self::class, 'add_total' ), 10, 2 );
	}

	/**
	 * @param int       $order_id
	 * @param string    $from
	 * @param string    $to
	 * @param \WC_Order $order
	 */
	public static function of_status( $order_id, $from, $to, $order ): void {
		$line = OrderFacts::coupon_line( $order );
		if ( $line && Target::PAID === Target::of( (string) $to, 1, 0.0, 0 )->phase ) {
			// The row is missing only if the request ended between the order and its hold.
			Checkout::open_account( $order, $line, Account::of_order( $order ) );
		}
		self::notice( (int) $order_id );
	}

	/** @param \WC_Abstract_Order $order */
	public static function of_save( $order ): void {
		if ( $order instanceof \WC_Order && $order->get_id() ) {
			self::notice( $order->get_id() );
		}
	}

	/**
	 * @param int $refund_id
	 * @param int $order_id
	 */
	public static function of_refund( $refund_id, $order_id ): void {
		self::notice( (int) $order_id );
	}

	/**
	 * The order has changed. One statement, which changes nothing for orders without points.
	 *
	 * @param int $order_id
	 */
	public static function notice( $order_id ): void {
		global $wpdb;
		if ( ! Tables::are_current() ) {
			return;
		}
		$table = Tables::name( 'spending' );
		$count = $wpdb->query( $wpdb->prepare( "UPDATE {$table} SET due_at = %s WHERE order_id = %d", gmdate( 'Y-m-d H:i:s' ), (int) $order_id ) );
		if ( $count ) {
			self::$is_noticed = true;
		}
	}

	/** At the end of the request: let the points follow soon. */
	public static function settle(): void {
		if ( self::$is_noticed ) {
			self::$is_noticed = false;
			Schedule::soon();
		}
	}

	/**
	 * The line "Points used" under the discount, on pages and in mails.
	 *
	 * @param array<string, array<string, string>> $rows
	 * @param \WC_Abstract_Order                   $order
	 * @return array<string, array<string, string>>
	 */
	public static function add_total( $rows, $order ): array {
		$points = $order instanceof \WC_Order ? OrderFacts::points( $order ) : 0;
		if ( ! $points ) {
			return $rows;
		}
		$row   = array(
			'type'  => 'pointsync',
			'label' => __( 'Points used:', 'pointsync' ),
			'value' => esc_html( Texts::points( $points ) ),
		);
		$place = array_search( 'discount', array_keys( $rows ), true );
		$place = false === $place ? 1 : $place + 1;
		return array_slice( $rows, 0, $place, true ) + array( 'pointsync' => $row ) + array_slice( $rows, $place, null, true );
	}
}

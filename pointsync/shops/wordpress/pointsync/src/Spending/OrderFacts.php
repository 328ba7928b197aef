<?php

namespace PointSync\Spending;

/**
 * What an order of WooCommerce says about its points.
 */
final class OrderFacts {

	/** Where the coupon line of the order keeps the points that it stands for, and whose they are. */
	const POINTS = '_pointsync_points';
	const EMAIL  = '_pointsync_customer';

	/** The coupon line that stands for points, or null. */
	public static function coupon_line( \WC_Order $order ): ?\WC_Order_Item_Coupon {
		foreach ( $order->get_items( 'coupon' ) as $line ) {
			if ( $line instanceof \WC_Order_Item_Coupon && (int) $line->get_meta( self::POINTS ) > 0 ) {
				return $line;
			}
		}
		return null;
	}

	/** The points that the order uses; 0 if none. */
	public static function points( \WC_Order $order ): int {
		$line = self::coupon_line( $order );
		return $line ? (int) $line->get_meta( self::POINTS ) : 0;
	}

	/** How many points the order should have taken now. `$order` null: it is gone. */
	public static function target( ?\WC_Order $order, Account $account ): Target {
		if ( ! $order ) {
			return Target::of( '', 0, 0.0, 0 );
		}
		return Target::of( $order->get_status(), self::points( $order ), self::refunded_share( $order ), $account->handed_back );
	}

	private static function refunded_share( \WC_Order $order ): float {
		$refunds = $order->get_refunds();
		if ( ! $refunds ) {
			return 0.0;
		}
		$lines = array();
		foreach ( $order->get_items() as $id => $item ) {
			$lines[ $id ] = array(
				'subtotal' => (float) $item->get_subtotal(),
				'total'    => (float) $item->get_total(),
				'tax'      => (float) $item->get_total_tax(),
				'quantity' => (float) $item->get_quantity(),
			);
		}
		$found = array();
		foreach ( $refunds as $refund ) {
			$found[] = self::read_refund( $refund );
		}
		return Share::refunded( (float) $order->get_total(), $lines, $found );
	}

	/** @return array{amount: float, other: float, lines: array<int, array{total: float, tax: float, quantity: float}>} */
	private static function read_refund( \WC_Order_Refund $refund ): array {
		$lines = array();
		$other = 0.0;
		foreach ( $refund->get_items( array( 'line_item', 'fee', 'shipping' ) ) as $item ) {
			$part = array(
				'total'    => abs( (float) $item->get_total() ),
				'tax'      => abs( (float) $item->get_total_tax() ),
				'quantity' => abs( (float) $item->get_quantity() ),
			);
			if ( 'line_item' === $item->get_type() ) {
				$lines[ (int) $item->get_meta( '_refunded_item_id' ) ] = $part;
			} else {
				$other += $part['total'] + $part['tax'];
			}
		}
		return array(
			'amount' => abs( (float) $refund->get_amount() ),
			'other'  => $other,
			'lines'  => $lines,
		);
	}

	/** What the customer reads about a movement of the order, in the shop's language. */
	public static function reason( ?\WC_Order $order, Account $account, string $what ): string {
		$number = $order ? $order->get_order_number() : (string) $account->order_id;
		if ( Step::REFUND !== $what ) {
			/* translators: %s: the number of an order */
			return sprintf( __( 'Paid with points: order %s', 'pointsync' ), $number );
		}
		if ( $order && in_array( $order->get_status(), array( 'cancelled', 'failed' ), true ) ) {
			/* translators: %s: the number of an order */
			return sprintf( __( 'Order %s was cancelled', 'pointsync' ), $number );
		}
		/* translators: %s: the number of an order */
		return sprintf( __( 'Refund of order %s', 'pointsync' ), $number );
	}
}

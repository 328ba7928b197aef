<?php

namespace PointSync\Customers;

use PointSync\Connection\Shop;
use PointSync\Cart\Settings;
use PointSync\MyRewards\Settings as Bridge;

/**
 * How many points products, carts and orders of this shop give, for hints.
 */
final class Earning {

	/** The rule for the present currency and customer; null if nothing gives points, or if the shop shows no hints. */
	public static function rule(): ?EarnRule {
		$stored = self::stored_rule();
		if ( ! $stored ) {
			return null;
		}
		$rule = new EarnRule( $stored, get_woocommerce_currency(), (string) get_option( 'woocommerce_currency' ) );
		$user = wp_get_current_user();
		return $rule->gives_points() && $rule->counts_roles( (array) $user->roles ) ? $rule : null;
	}

	/** The points for one piece of a product; 0 if it gives none. */
	public static function of_product( \WC_Product $product ): int {
		$rule = self::rule();
		if ( ! $rule || ! self::counts( $rule, $product ) || '' === $product->get_price() ) {
			return 0;
		}
		$price = $rule->counts_tax() ? wc_get_price_including_tax( $product ) : wc_get_price_excluding_tax( $product );
		return $rule->points( (float) $price );
	}

	/** The points for a cart as it is now: what points pay gives none. */
	public static function of_cart( \WC_Cart $cart ): int {
		$rule = self::rule();
		if ( ! $rule ) {
			return 0;
		}
		if ( $rule->counts_total() ) {
			return $rule->points( (float) $cart->get_total( 'edit' ) );
		}
		$amount = 0.0;
		foreach ( $cart->get_cart() as $item ) {
			if ( self::counts( $rule, $item['data'] ) && isset( $item['line_total'] ) ) {
				$amount += $item['line_total'] + ( $rule->counts_tax() ? $item['line_tax'] : 0 );
			}
		}
		$fees = (float) $cart->get_fee_total() + ( $rule->counts_tax() ? (float) $cart->get_fee_tax() : 0.0 );
		return $rule->points( $amount + $fees );
	}

	/** The points that an order gives when it counts, without what was refunded. */
	public static function of_order( \WC_Order $order ): int {
		$stored = self::stored_rule();
		if ( ! $stored ) {
			return 0;
		}
		$rule = new EarnRule( $stored, $order->get_currency(), (string) get_option( 'woocommerce_currency' ) );
		$user = $order->get_customer_id() ? get_userdata( $order->get_customer_id() ) : false;
		if ( $user && ! $rule->counts_roles( (array) $user->roles ) ) {
			return 0;
		}
		if ( $rule->counts_total() ) {
			return $rule->points( (float) $order->get_total() - (float) $order->get_total_refunded() );
		}
		$amount = 0.0;
		foreach ( $order->get_items( array( 'line_item', 'fee' ) ) as $id => $item ) {
			$product = $item instanceof \WC_Order_Item_Product ? $item->get_product() : null;
			if ( ! $product || self::counts( $rule, $product ) ) {
				$total   = (float) $item->get_total();
				$left    = $total > 0 ? max( 0.0, 1.0 - (float) $order->get_total_refunded_for_item( $id, $item->get_type() ) / $total ) : 0.0;
				$amount += $left * ( $total + ( $rule->counts_tax() ? (float) $item->get_total_tax() : 0.0 ) );
			}
		}
		return $rule->points( $amount );
	}

	/** @return array<string, mixed>|null the rule, if this shop's orders count by it */
	private static function stored_rule(): ?array {
		return Shop::is_connected() && Settings::shows_hints() && ! Bridge::leaves_orders() ? Shop::rule() : null;
	}

	private static function counts( EarnRule $rule, \WC_Product $product ): bool {
		$ids = array_filter( array( $product->get_id(), $product->get_parent_id() ) );
		return $rule->counts_product( $ids, Settings::categories_of( $product ), $product->is_on_sale() );
	}
}

<?php

namespace PointSync\Orders;

/**
 * An order as WooCommerce's REST API, version 3, prints it, as far as PointSync reads it, with whole refunds.
 *
 * It is built from the order itself and not by the REST API, which checks permissions and takes far longer.
 */
final class OrderJson {

	const ON_SALE = '_pointsync_on_sale';

	/** Kinds of items, as WooCommerce names them, and where they are in the JSON. */
	const LISTS = array(
		'line_item' => 'line_items',
		'fee'       => 'fee_lines',
		'shipping'  => 'shipping_lines',
	);

	/**
	 * @param string $read_at when the order was read, in UTC, such as `2026-11-30T12:00:00.123456`. It is sent as the
	 *                        time of the last change: so what was read later is newer for PointSync, even if WooCommerce
	 *                        did not change the order's date (a refund was deleted) or an older database came back
	 * @return array<string, mixed>
	 */
	public static function build( \WC_Order $order, string $read_at ): array {
		$decimals = wc_get_price_decimals();
		$created  = $order->get_date_created();
		$user_id  = (int) $order->get_customer_id();
		$json     = array(
			'id'                => $order->get_id(),
			'parent_id'         => $order->get_parent_id(),
			'number'            => (string) $order->get_order_number(),
			'order_key'         => $order->get_order_key(),
			'status'            => $order->get_status(),
			'currency'          => $order->get_currency(),
			'total'             => self::amount( $order->get_total(), $decimals ),
			'date_created_gmt'  => $created ? gmdate( 'Y-m-d\TH:i:s', $created->getTimestamp() ) : null,
			'date_modified_gmt' => $read_at,
			'customer_id'       => $user_id,
			'billing'           => array( 'email' => self::customer_address( $order ) ),
		);
		$user     = $user_id ? get_userdata( $user_id ) : false;
		if ( $user ) {
			$json['customer_roles'] = array_values( $user->roles );
		}
		foreach ( self::LISTS as $kind => $name ) {
			$json[ $name ] = array();
			foreach ( $order->get_items( $kind ) as $item ) {
				$json[ $name ][] = self::line( $item, $order, $decimals );
			}
		}
		$json['refunds'] = array();
		foreach ( $order->get_refunds() as $refund ) {
			$json['refunds'][] = self::refund( $refund, $decimals );
		}
		return $json;
	}

	/** What a deleted order looks like. */
	public static function build_deleted( int $order_id ): array {
		return array(
			'id'      => $order_id,
			'deleted' => true,
		);
	}

	/**
	 * The address whose points the order changes: that of the customer's account, or for a guest the one that was
	 * typed. So a customer who types another address does not have two balances.
	 */
	public static function customer_address( \WC_Order $order ): string {
		$user  = $order->get_customer_id() ? get_userdata( (int) $order->get_customer_id() ) : false;
		$email = $user && '' !== $user->user_email ? $user->user_email : (string) $order->get_billing_email();
		/**
		 * The address whose points an order changes.
		 *
		 * @param string    $email
		 * @param \WC_Order $order
		 */
		return (string) apply_filters( 'pointsync_order_customer', $email, $order );
	}

	/** An amount with a point and exactly so many decimals. */
	public static function amount( $value, int $decimals ): string {
		$text = number_format( round( (float) $value, $decimals ), $decimals, '.', '' );
		return (float) $text === 0.0 ? ltrim( $text, '-' ) : $text;
	}

	/** @return array<string, mixed> */
	private static function line( \WC_Order_Item $item, \WC_Order $order, int $decimals ): array {
		$line = array(
			'id'        => $item->get_id(),
			'total'     => self::amount( $item->get_total(), $decimals ),
			'total_tax' => self::amount( $item->get_total_tax(), $decimals ),
		);
		if ( ! $item instanceof \WC_Order_Item_Product ) {
			return $line;
		}
		$line['product_id']   = $item->get_product_id();
		$line['variation_id'] = $item->get_variation_id();
		$product              = $item->get_product();
		if ( ! $product ) {
			return $line;
		}
		$line['categories']   = array_map( 'intval', wc_get_product_term_ids( $item->get_product_id(), 'product_cat' ) );
		$line['on_sale']      = self::was_on_sale( $item, $order, $product );
		$line['is_gift_card'] = self::is_gift_card( $product );
		return $line;
	}

	/** Whether the item was on sale when it was ordered, which the checkout has noted; later nobody knows it. */
	private static function was_on_sale( \WC_Order_Item_Product $item, \WC_Order $order, \WC_Product $product ): bool {
		if ( 'yes' === $item->get_meta( self::ON_SALE, true ) ) {
			return true;
		}
		$is_noted = in_array( $order->get_created_via(), array( 'checkout', 'store-api' ), true );
		return ! $is_noted && $product->is_on_sale();
	}

	private static function is_gift_card( \WC_Product $product ): bool {
		$is_gift_card = in_array( $product->get_type(), array( 'gift-card', 'gift_card', 'pw-gift-card' ), true )
			|| 'yes' === $product->get_meta( '_gift_card', true );
		/**
		 * Whether a product is a gift card. PointSync's rule may say that gift cards give no points.
		 *
		 * @param bool        $is_gift_card
		 * @param \WC_Product $product
		 */
		return (bool) apply_filters( 'pointsync_is_gift_card', $is_gift_card, $product );
	}

	/** @return array<string, mixed> */
	private static function refund( \WC_Order_Refund $refund, int $decimals ): array {
		$json = array(
			'id'     => $refund->get_id(),
			'reason' => (string) $refund->get_reason(),
			'amount' => self::amount( abs( (float) $refund->get_amount() ), $decimals ),
		);
		foreach ( self::LISTS as $kind => $name ) {
			$json[ $name ] = array();
			foreach ( $refund->get_items( $kind ) as $item ) {
				$line = array(
					'id'        => $item->get_id(),
					'total'     => self::amount( $item->get_total(), $decimals ),
					'total_tax' => self::amount( $item->get_total_tax(), $decimals ),
					'meta_data' => array(
						array(
							'key'   => '_refunded_item_id',
							'value' => (int) $item->get_meta( '_refunded_item_id', true ),
						),
					),
				);
				if ( $item instanceof \WC_Order_Item_Product ) {
					$line['product_id'] = $item->get_product_id();
				}
				$json[ $name ][] = $line;
			}
		}
		return $json;
	}
}

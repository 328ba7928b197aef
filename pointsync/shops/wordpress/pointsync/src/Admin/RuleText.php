<?php

namespace PointSync\Admin;

/**
 * How orders count, as a sentence, from the rule that PointSync has told. Pure but for translations.
 */
final class RuleText {

	/** @param array<string, mixed>|null $rule see `Connection\Shop::rule()` */
	public static function of( ?array $rule ): string {
		if ( null === $rule ) {
			return __( 'not yet: set the rule in PointSync under System › Shops', 'pointsync' );
		}
		$bases = array(
			'goods'     => __( 'goods without tax and shipping', 'pointsync' ),
			'goods+tax' => __( 'goods with tax', 'pointsync' ),
			'total'     => __( 'the order\'s total', 'pointsync' ),
		);
		$base  = isset( $rule['base'], $bases[ $rule['base'] ] ) ? $bases[ $rule['base'] ] : '';
		$rates = array();
		foreach ( isset( $rule['rates'] ) && is_array( $rule['rates'] ) ? $rule['rates'] : array() as $currency => $rate ) {
			/* translators: 1: a number, 2: a currency such as EUR */
			$rates[] = sprintf( __( '%1$s for each %2$s', 'pointsync' ), $rate, '' === $currency ? get_woocommerce_currency() : $currency );
		}
		$statuses = array_map( 'wc_get_order_status_name', isset( $rule['statuses'] ) ? (array) $rule['statuses'] : array() );
		/* translators: 1: points per currency, 2: what counts, 3: statuses */
		return sprintf( __( '%1$s of %2$s, once the order is %3$s', 'pointsync' ), implode( ', ', $rates ), $base, implode( ' / ', $statuses ) );
	}
}

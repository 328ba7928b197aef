<?php

namespace PointSync\Customers;

use PointSync\Connection\Shop;

/**
 * What customers read about points.
 */
final class Texts {

	/** Such as "500 points". */
	public static function points( int $points ): string {
		/* translators: %s: a number of points */
		return sprintf( _n( '%s point', '%s points', abs( $points ), 'pointsync' ), number_format_i18n( $points ) );
	}

	/** A change, such as "+500". */
	public static function change( int $points ): string {
		return ( $points > 0 ? '+' : '' ) . number_format_i18n( $points );
	}

	/** What a movement was: its reason, or else its kind. */
	public static function movement( object $movement ): string {
		if ( '' !== trim( (string) $movement->reason ) ) {
			return (string) $movement->reason;
		}
		$kinds = array(
			'earn'       => __( 'Points for an order', 'pointsync' ),
			'spend'      => __( 'Paid with points', 'pointsync' ),
			'refund'     => __( 'Points back', 'pointsync' ),
			'manual'     => __( 'Changed by the shop', 'pointsync' ),
			'redeem'     => __( 'Reward', 'pointsync' ),
			'expire'     => __( 'Expired', 'pointsync' ),
			'opening'    => __( 'Points from before', 'pointsync' ),
			'import'     => __( 'Points from before', 'pointsync' ),
			'correction' => __( 'Corrected by the shop', 'pointsync' ),
		);
		return isset( $kinds[ $movement->kind ] ) ? $kinds[ $movement->kind ] : __( 'Change', 'pointsync' );
	}

	/** A day as the shop writes days. `$time` in UTC, `Y-m-d` or `Y-m-d H:i:s`. */
	public static function day( string $time ): string {
		if ( 10 === strlen( $time ) ) {
			return date_i18n( wc_date_format(), (int) strtotime( $time ) );
		}
		return wp_date( wc_date_format(), (int) strtotime( $time . ' UTC' ) );
	}

	/** The name of the points in this shop, such as "Points". */
	public static function title(): string {
		return Shop::reserve_name();
	}
}

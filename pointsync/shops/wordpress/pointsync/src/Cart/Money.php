<?php

namespace PointSync\Cart;

/**
 * Amounts as whole numbers, so that nothing is lost by rounding: `to_units( '12.30', 2 )` is 1230. Pure.
 */
final class Money {

	const MAX_DECIMALS = 6;

	/**
	 * The amount in units of 1/10^$decimals, rounded half up. Null if the text is no amount from 0 to a billion.
	 *
	 * @param mixed $amount a number, or a text with a point
	 */
	public static function to_units( $amount, int $decimals ): ?int {
		$text = is_float( $amount ) ? sprintf( '%.' . ( self::MAX_DECIMALS + 2 ) . 'F', $amount ) : trim( (string) $amount );
		if ( 1 !== preg_match( '/^(\d{1,10})(?:\.(\d*))?$/', $text, $part ) ) {
			return null;
		}
		$digits = substr( str_pad( isset( $part[2] ) ? $part[2] : '', $decimals + 1, '0' ), 0, $decimals + 1 );
		$tens   = (int) ( $part[1] . $digits );
		return intdiv( $tens + 5, 10 );
	}

	/** The units as a text with a point, such as `12.30`. */
	public static function to_text( int $units, int $decimals ): string {
		if ( 0 === $decimals ) {
			return (string) $units;
		}
		$digits = str_pad( (string) $units, $decimals + 1, '0', STR_PAD_LEFT );
		return substr( $digits, 0, -$decimals ) . '.' . substr( $digits, -$decimals );
	}
}

<?php

namespace PointSync\Spending;

/**
 * Which part of the goods that points have paid for was refunded. Pure.
 *
 * Each line weighs as much as points and coupons took off its price, so that goods which points could not pay for bring
 * no points back. A refund without lines counts in proportion to the money that is left.
 */
final class Share {

	/** Two amounts are the same if they differ by less than this. */
	const EPSILON = 0.000001;

	/**
	 * A number from 0 (nothing was refunded) to 1 (all).
	 *
	 * `other` is the part of a refund for shipping and fees, which brings no points back.
	 *
	 * @param float $total what the customer paid in money
	 * @param array<int, array{subtotal: float, total: float, tax: float, quantity: float}> $lines by id
	 * @param array<int, array{amount: float, other: float, lines: array<int, array{total: float, tax: float, quantity: float}>}> $refunds
	 */
	public static function refunded( float $total, array $lines, array $refunds ): float {
		$back       = array();
		$left_money = $total;
		$loose      = 0.0;
		foreach ( $refunds as $refund ) {
			$covered = $refund['other'];
			foreach ( $refund['lines'] as $id => $line ) {
				$covered += $line['total'] + $line['tax'];
				if ( isset( $lines[ $id ] ) ) {
					$back[ $id ][] = $line;
				}
			}
			$left_money -= $covered;
			$loose      += max( 0.0, $refund['amount'] - $covered );
		}
		$left = 1.0 - self::of_lines( $lines, $back );
		if ( $loose > self::EPSILON ) {
			$left *= $left_money > self::EPSILON ? max( 0.0, 1.0 - $loose / $left_money ) : 0.0;
		}
		return min( 1.0, max( 0.0, 1.0 - $left ) );
	}

	/** The points to give back of `$points`, for this part of the goods: rounded down, and all for the whole. */
	public static function of_points( int $points, float $share ): int {
		return $share >= 1.0 - self::EPSILON ? $points : (int) floor( $points * $share + self::EPSILON );
	}

	/**
	 * @param array<int, array{subtotal: float, total: float, tax: float, quantity: float}>       $lines
	 * @param array<int, array<int, array{total: float, tax: float, quantity: float}>> $back
	 */
	private static function of_lines( array $lines, array $back ): float {
		$weights = array();
		foreach ( $lines as $id => $line ) {
			$weights[ $id ] = max( 0.0, $line['subtotal'] - $line['total'] );
		}
		if ( array_sum( $weights ) < self::EPSILON ) {
			// Nothing says which goods the points have paid for: the prices decide.
			$weights = array_map( static fn( array $line ): float => max( 0.0, $line['subtotal'] ), $lines );
		}
		$sum = array_sum( $weights );
		if ( $sum < self::EPSILON ) {
			return 0.0;
		}
		$refunded = 0.0;
		foreach ( $back as $id => $parts ) {
			$refunded += $weights[ $id ] * self::of_line( $lines[ $id ], $parts );
		}
		return $refunded / $sum;
	}

	/**
	 * @param array{subtotal: float, total: float, tax: float, quantity: float}      $line
	 * @param array<int, array{total: float, tax: float, quantity: float}> $parts
	 */
	private static function of_line( array $line, array $parts ): float {
		$paid = $line['total'] + $line['tax'];
		if ( $paid > self::EPSILON ) {
			$back = 0.0;
			foreach ( $parts as $part ) {
				$back += $part['total'] + $part['tax'];
			}
			return min( 1.0, $back / $paid );
		}
		// Points have paid for all of the line, so only the number of pieces says what came back.
		$pieces = array_sum( array_column( $parts, 'quantity' ) );
		return $line['quantity'] > 0 ? min( 1.0, $pieces / $line['quantity'] ) : 0.0;
	}
}

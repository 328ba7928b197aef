<?php

namespace PointSync\Spending;

/**
 * Writes what happened with the points into the order's notes, for the shop's staff.
 */
final class Notes {

	/** @param array{0: int, 1: int} $before the points taken and returned before the step */
	public static function write( ?\WC_Order $order, Account $account, array $before, string $result ): void {
		if ( ! $order ) {
			return;
		}
		$taken    = $account->taken - $before[0];
		$returned = $account->returned - $before[1];
		if ( $taken > 0 ) {
			/* translators: 1: a number of points, 2: an e-mail address */
			$order->add_order_note( sprintf( __( '%1$s points of %2$s paid for this order.', 'pointsync' ), number_format_i18n( $taken ), $account->email ) );
		}
		if ( $returned > 0 ) {
			/* translators: 1: a number of points, 2: an e-mail address */
			$order->add_order_note( sprintf( __( '%1$s points went back to %2$s.', 'pointsync' ), number_format_i18n( $returned ), $account->email ) );
		}
		if ( Outcome::STUCK === $result ) {
			$order->add_order_note( self::explain( $account ) );
		}
	}

	/** Why the points are not where they should be, and what the staff can do. */
	public static function explain( Account $account ): string {
		if ( Outcome::INSUFFICIENT === $account->problem ) {
			/* translators: %s: an e-mail address */
			return sprintf( __( 'The points for this order were not taken: %s has too few. Decide in the box “Points” of this order.', 'pointsync' ), $account->email );
		}
		/* translators: %s: a sentence of PointSync */
		return sprintf( __( 'PointSync has refused the points of this order: %s', 'pointsync' ), $account->message );
	}
}

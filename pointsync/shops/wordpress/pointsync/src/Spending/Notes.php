<?php

namespace PointSync\Spending;

use PointSync\Customers\Texts;

/**
 * Writes what happened with the points into the order's notes, for the shop's staff. Notes name nobody: they stay when
 * a person is erased.
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
			/* translators: %s: such as "20 points" */
			$order->add_order_note( sprintf( __( 'Paid with points: %s.', 'pointsync' ), Texts::points( $taken ) ) );
		}
		if ( $returned > 0 ) {
			/* translators: %s: such as "20 points" */
			$order->add_order_note( sprintf( __( 'Went back to the customer: %s.', 'pointsync' ), Texts::points( $returned ) ) );
		}
		if ( Outcome::STUCK === $result ) {
			$order->add_order_note(
				Outcome::INSUFFICIENT === $account->problem
					? __( 'The points for this order were not taken: the customer has too few. Decide in the box “Points” of this order.', 'pointsync' )
					: __( 'PointSync has refused the points of this order. The box “Points” of this order says why.', 'pointsync' )
			);
		}
	}

	/** For the box: why the points are not where they should be, and what the staff can do. */
	public static function explain( Account $account ): string {
		if ( Outcome::INSUFFICIENT === $account->problem ) {
			/* translators: %s: an e-mail address */
			return sprintf( __( 'The points for this order were not taken: %s has too few. Decide in the box “Points” of this order.', 'pointsync' ), $account->email );
		}
		/* translators: %s: a sentence of PointSync */
		return sprintf( __( 'PointSync has refused the points of this order: %s', 'pointsync' ), $account->message );
	}
}

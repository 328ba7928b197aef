<?php

namespace PointSync\Spending;

/**
 * The next call to PointSync that brings an order's points to where they should be. Pure.
 *
 * A step is stored before its call is made, and has everything that the call needs. So it can be repeated after a crash
 * or a lost answer with the same references and the same content, and PointSync counts it once.
 */
final class Step {

	const HOLD    = 'hold';
	const CAPTURE = 'capture';
	const RELEASE = 'release';
	const REFUND  = 'refund';
	/** Take points although too few may be free: the goods are given already. Only if the staff says so. */
	const TAKE = 'take';

	/** States of a hold. */
	const NONE = '';
	const HELD = 'held';
	/** It was asked for, and nobody knows whether PointSync has placed it. */
	const ASKED = 'asked';

	/**
	 * The next step, or null if nothing is to be done.
	 *
	 * @param Account $account of the order
	 * @return array<string, mixed>|null
	 */
	public static function next( Account $account, Target $target ): ?array {
		$net      = $account->taken - $account->returned;
		$is_held  = self::NONE !== $account->hold_state;
		$is_short = $target->points > $net && Target::PAID === $target->phase;
		if ( $is_held && $is_short ) {
			return self::capture( $account );
		}
		if ( $is_held && ( Target::OFF === $target->phase || Target::PAID === $target->phase ) ) {
			return self::release( $account );
		}
		if ( $is_short ) {
			return self::hold( $account, $target->points - $net );
		}
		if ( $net > $target->points && Target::OPEN !== $target->phase ) {
			return self::refund( $account, $net - $target->points );
		}
		return null;
	}

	/**
	 * Whether the call of a step says whose points they are. Then it cannot be made once the person was erased.
	 *
	 * @param array<string, mixed> $step
	 */
	public static function names_customer( array $step ): bool {
		return in_array( $step['do'], array( self::HOLD, self::TAKE, self::REFUND ), true );
	}

	/** Hold points with a new reference. @return array<string, mixed> */
	public static function hold( Account $account, int $points ): array {
		return self::build( self::HOLD, $account, $account->hold_number + 1, $points );
	}

	/** Take the points of the hold. @return array<string, mixed> */
	public static function capture( Account $account ): array {
		return self::build( self::CAPTURE, $account, $account->hold_number, $account->hold_points );
	}

	/** Free the points of the hold. @return array<string, mixed> */
	public static function release( Account $account ): array {
		return self::build( self::RELEASE, $account, $account->hold_number, $account->hold_points );
	}

	/** Give points back. @return array<string, mixed> */
	public static function refund( Account $account, int $points ): array {
		return self::build( self::REFUND, $account, $account->refund_number + 1, $points );
	}

	/** Take points whatever is free. @return array<string, mixed> */
	public static function take( Account $account, int $points ): array {
		return self::build( self::TAKE, $account, $account->hold_number + 1, $points );
	}

	/** @return array<string, mixed> */
	private static function build( string $what, Account $account, int $number, int $points ): array {
		return array(
			'do'     => $what,
			'number' => $number,
			'points' => $points,
		);
	}
}

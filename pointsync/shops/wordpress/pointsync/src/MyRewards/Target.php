<?php

namespace PointSync\MyRewards;

/**
 * What MyRewards should say: the states are compared, and no memory of messages is trusted. Pure.
 */
final class Target {

	/**
	 * The points that an account should have in MyRewards; null to leave it alone.
	 *
	 * @param bool     $is_verified whether the account has shown that its address is its own
	 * @param bool     $has_lost    whether it followed an address that has been verified by another account since
	 * @param int|null $ledger      what PointSync says, as far as the feed is known; null if nothing is known
	 * @param int      $on_the_way  the account's own movements that are not part of that yet
	 */
	public static function of( bool $is_verified, bool $has_lost, ?int $ledger, int $on_the_way ): ?int {
		if ( $is_verified ) {
			return null === $ledger ? null : $ledger + $on_the_way;
		}
		return $has_lost ? 0 : null;
	}
}

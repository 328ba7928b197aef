<?php

namespace PointSync\Orders;

/**
 * Whether PointSync or this shop has forgotten reports of orders, as after the restore of a backup. Pure.
 */
final class Memory {

	const NOTHING = '';
	/** PointSync remembers reports only until `seen_until`. */
	const POINTSYNC_LOST = 'pointsync lost';
	/** Another PointSync answers, or a restored one of which it is not known what it remembers. */
	const POINTSYNC_REPLACED = 'pointsync replaced';
	/** PointSync has seen reports that this shop has no trace of. */
	const SHOP_LOST = 'shop lost';

	/** How far the clocks of the shop and of PointSync may differ, in seconds. */
	const CLOCK_SECONDS = 300;

	/**
	 * @param string $seen_at    the `seen_at` of the last answer that the shop remembers; empty if there is none
	 * @param string $lineage    its `lineage`
	 * @param int    $unanswered when a call was begun whose answer was lost (Unix time); 0 if there is none
	 * @param string $seen_until of the new answer: the `seen_at` of the call before it; empty if there was none
	 * @param string $is_lineage its `lineage`
	 */
	public static function find( string $seen_at, string $lineage, int $unanswered, string $seen_until, string $is_lineage ): string {
		if ( '' !== $seen_at && strcmp( $seen_until, $seen_at ) < 0 ) {
			return self::POINTSYNC_LOST;
		}
		if ( '' !== $lineage && $lineage !== $is_lineage ) {
			return self::POINTSYNC_REPLACED;
		}
		if ( '' === $seen_at || strcmp( $seen_until, $seen_at ) === 0 ) {
			return self::NOTHING;
		}
		$is_that_call = $unanswered && strtotime( $seen_until ) <= $unanswered + self::CLOCK_SECONDS;
		return $is_that_call ? self::NOTHING : self::SHOP_LOST;
	}
}

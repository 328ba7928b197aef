<?php

namespace PointSync\Admin;

use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Feed\Reader;
use PointSync\MyRewards;
use PointSync\Orders\Outbox;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * What an admin should know or do, as sentences. The state page, the notices and Site Health show the same.
 */
final class Problems {

	/** A failure is shown after so many attempts, so that a short restart of PointSync alarms nobody. */
	const FAILURES = 3;
	/** What has waited for so many seconds is shown. */
	const LATE_SECONDS = 900;

	/** @return string[] */
	public static function all(): array {
		$problems = array();
		if ( ! Tables::are_current() ) {
			$problems[] = __( 'The tables of PointSync could not be created. The database user of this shop needs the right to create tables.', 'pointsync' );
		}
		if ( ! Shop::is_connected() ) {
			return $problems;
		}
		$pace = Pace::state();
		if ( $pace['failures'] >= self::FAILURES || ( $pace['failures'] > 0 && 'no_answer' !== $pace['code'] ) ) {
			/* translators: %s: what went wrong, as a sentence */
			$problems[] = sprintf( __( 'Orders could not be sent: %s They are kept and sent again.', 'pointsync' ), $pace['message'] );
		}
		if ( null !== Values::get( StagingGuard::REFUSED ) ) {
			$problems[] = __( 'PointSync knows this shop under another address. If it was moved, connect it again with a new code.', 'pointsync' );
		}
		if ( ! Shop::rule() && ! MyRewards\Settings::leaves_orders() ) {
			$problems[] = __( 'PointSync does not know yet how the orders of this shop count. Set the rule in PointSync under System › Shops.', 'pointsync' );
		}
		$summary = Outbox::summary();
		if ( 0 === $pace['failures'] && $summary['oldest_at'] && strtotime( $summary['oldest_at'] ) < time() - self::LATE_SECONDS ) {
			$problems[] = __( 'Orders have been waiting for a quarter of an hour. The schedule of this shop (Action Scheduler or WP-Cron) does not run.', 'pointsync' );
		}
		if ( $summary['refused'] > 0 ) {
			/* translators: %d: a number */
			$problems[] = sprintf( _n( '%d change could not be sent.', '%d changes could not be sent.', $summary['refused'], 'pointsync' ), $summary['refused'] );
		}
		$feed = Reader::state();
		if ( $feed['is_filled'] && $feed['failed_at'] > $feed['at'] && $feed['at'] < time() - self::LATE_SECONDS && 0 === $pace['failures'] ) {
			$problems[] = __( 'Points from other shops could not be read for a quarter of an hour.', 'pointsync' );
		}
		$bridge = MyRewards\Switching::problem_now();
		if ( '' !== $bridge ) {
			$problems[] = $bridge;
		}
		return $problems;
	}
}

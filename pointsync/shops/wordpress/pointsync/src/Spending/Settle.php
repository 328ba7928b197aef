<?php

namespace PointSync\Spending;

use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Feed\Reader;
use PointSync\Schedule;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Brings the points of orders to where they should be: call by call, until nothing is left to do.
 *
 * The wanted state is computed from the order each time, so it does not matter which change was noticed, how often, or
 * in which order. One process at a time works on a row.
 */
final class Settle {

	const LEASE_SECONDS = 45;
	const MAX_STEPS     = 8;
	const CALL_SECONDS  = 10.0;
	const ROWS_AT_ONCE  = 20;
	/** The generation of the feed that was seen last. */
	const GENERATION = 'spending.generation';

	public function register(): void {
		add_action( Schedule::SOON, array( self::class, 'run_due' ) );
		// After the feed was read, which tells what this shop may have forgotten.
		add_action( Schedule::MINUTE, array( self::class, 'run_due' ), 30 );
		add_action( Schedule::MINUTE, array( self::class, 'notice_restore' ), 22 );
		add_action( 'pointsync_connected', array( self::class, 'note_connection' ), 20 );
	}

	/** Settle the rows that are due, oldest first, for at most 30 seconds. */
	public static function run_due(): void {
		global $wpdb;
		if ( ! Shop::is_connected() || StagingGuard::is_stopped() || ! Tables::are_current() || ! Pace::may_try() ) {
			return;
		}
		$table = Tables::name( 'spending' );
		$until = microtime( true ) + 30;
		$ids   = $wpdb->get_col(
			$wpdb->prepare( "SELECT id FROM {$table} WHERE due_at <= %s ORDER BY due_at LIMIT %d", gmdate( 'Y-m-d H:i:s' ), self::ROWS_AT_ONCE )
		);
		foreach ( $ids as $id ) {
			if ( microtime( true ) > $until || ! self::run( (int) $id ) ) {
				break;
			}
		}
	}

	/** Settle one row. Returns false if PointSync cannot be reached, so that the others need not be tried. */
	public static function run( int $id ): bool {
		if ( ! self::lease( $id ) ) {
			return true;
		}
		$account = Account::read( $id );
		$result  = $account ? self::work( $account ) : Outcome::GO_ON;
		if ( $account && Outcome::LATER === $result ) {
			++$account->attempts;
			$account->save();
		}
		self::end_lease( $id, $account && Outcome::LATER === $result ? self::delay( $account->attempts ) : 0 );
		return Outcome::LATER !== $result;
	}

	/** PointSync may have lost what it had recorded, as after a restore: then its feed had to be read anew. */
	public static function notice_restore(): void {
		$generation = (string) Reader::state()['generation'];
		$known      = Values::get( self::GENERATION );
		if ( $generation !== $known && Values::replace( self::GENERATION, $known, $generation ) && null !== $known ) {
			self::repeat_all();
		}
	}

	/** The shop was connected, so its feed begins anew, and nothing was lost by that. */
	public static function note_connection(): void {
		Values::set( self::GENERATION, (string) Reader::state()['generation'] );
	}

	/** PointSync was restored: record again what it may have forgotten of the last 90 days. */
	public static function repeat_all(): void {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET problem = 'repeat', due_at = %s WHERE changed_at > %s AND (taken <> 0 OR hold_state <> '')",
				gmdate( 'Y-m-d H:i:s' ),
				gmdate( 'Y-m-d H:i:s', time() - 90 * DAY_IN_SECONDS )
			)
		);
		Schedule::soon();
	}

	private static function work( Account $account ): string {
		$order = self::order_of( $account );
		if ( 'repeat' === $account->problem ) {
			$answer = $account->movements && '' !== $account->email ? Calls::repeat( $account, self::CALL_SECONDS ) : null;
			if ( $answer && ! $answer->is_success() ) {
				$account->message = $answer->message();
				return Outcome::LATER;
			}
		}
		$account->problem = '';
		for ( $count = 0; $count < self::MAX_STEPS; $count++ ) {
			$step = $account->step ? $account->step : Step::next( $account, OrderFacts::target( $order, $account ) );
			if ( ! $step || ( '' === $account->email && Step::names_customer( $step ) ) ) {
				$account->step     = null;
				$account->message  = '';
				$account->attempts = 0;
				$account->save();
				return Outcome::GO_ON;
			}
			$result = self::take_step( $account, $step, $order, self::CALL_SECONDS );
			if ( Outcome::GO_ON !== $result ) {
				return $result;
			}
		}
		return Outcome::LATER;
	}

	/**
	 * Make one call, and store what it means. The step is stored before, so that a crash in between does no harm.
	 *
	 * @param array<string, mixed> $step
	 */
	public static function take_step( Account $account, array $step, ?\WC_Order $order, float $seconds ): string {
		$account->step = $step;
		$account->save();
		$before = array( $account->taken, $account->returned );
		$reason = OrderFacts::reason( $order, $account, (string) $step['do'] );
		$at     = gmdate( 'Y-m-d\TH:i:s\Z' );
		$answer = Calls::make( $account, $step, $reason, $seconds );
		$result = Outcome::apply( $account, $step, $answer, $reason, $at );
		if ( Outcome::ASK === $result ) {
			$result = Outcome::adopt( $account, Calls::show_hold( $account, $seconds ), $reason, $at );
		}
		if ( Outcome::STUCK === $result && Outcome::CONFLICT === $account->problem && Forgotten::recall( $account, Ref::of_step( $account, $step ) ) ) {
			$account->problem = '';
			$result           = Outcome::GO_ON;
		}
		if ( Outcome::GO_ON === $result ) {
			$account->attempts = 0;
		}
		$account->save();
		Notes::write( $order, $account, $before, $result );
		return $result;
	}

	/** The order of the row as it is now; null if it is gone, or if its id belongs to another order. */
	private static function order_of( Account $account ): ?\WC_Order {
		$order = wc_get_order( $account->order_id );
		$is_it = $order instanceof \WC_Order && substr( $order->get_order_key(), 0, 60 ) === $account->order_key;
		return $is_it ? $order : null;
	}

	/** Whether this process may work on the row. */
	public static function lease( int $id ): bool {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$now   = time();
		return 1 === $wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET leased_until = %s, due_at = %s WHERE id = %d AND (leased_until IS NULL OR leased_until < %s)",
				gmdate( 'Y-m-d H:i:s', $now + self::LEASE_SECONDS ),
				gmdate( 'Y-m-d H:i:s', $now + self::LEASE_SECONDS ),
				$id,
				gmdate( 'Y-m-d H:i:s', $now )
			)
		);
	}

	/** The work is done: nothing is due, or in `$seconds`. If the order has changed meanwhile, it stays due. */
	public static function end_lease( int $id, int $seconds = 0 ): void {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET due_at = IF(due_at = leased_until, NULLIF(%s, ''), due_at), leased_until = NULL WHERE id = %d",
				$seconds ? gmdate( 'Y-m-d H:i:s', time() + $seconds ) : '',
				$id
			)
		);
	}

	/** Seconds until the next attempt: half a minute, growing to an hour. */
	private static function delay( int $attempts ): int {
		return (int) min( 3600, 30 * 2 ** min( max( $attempts - 1, 0 ), 7 ) );
	}
}

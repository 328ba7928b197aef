<?php

namespace PointSync\Orders;

use PointSync\Connection\Shop;
use PointSync\Schedule;
use PointSync\Storage\Lease;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Finds what was never written into the outbox, as when the shop was killed between the order and its row.
 *
 * New orders are looked for every minute, which costs one query by their ids. Every day it looks for changed and
 * deleted orders. After connecting, and after a restore of this shop, all orders are reported that may count.
 */
final class Sweep {

	const STATE   = 'sweep';
	const LAST_ID = 'sweep.last_id';
	const ROWS    = 200;
	const SECONDS = 15.0;
	/** A request that has just made an order may not have written its row yet. */
	const GRACE_SECONDS = 120;
	/** How far back the daily sweep looks before the last one. */
	const OVERLAP_SECONDS = 86400;

	const DAILY = 'daily';
	const ALL   = 'all';

	public function register(): void {
		add_action( Schedule::MINUTE, array( self::class, 'run' ), 5 );
		add_action( Schedule::DAY, array( self::class, 'begin' ) );
		add_action( 'pointsync_connected', array( self::class, 'begin_connected' ) );
	}

	/** Begin the daily sweep; the next minutes carry it out. */
	public static function begin(): void {
		$state = Values::get_array( self::STATE );
		if ( empty( $state['step'] ) ) {
			$last  = isset( $state['begun_at'] ) ? (int) $state['begun_at'] : time() - Outbox::KEPT_DAYS * DAY_IN_SECONDS;
			self::store( self::DAILY, 'orders', 0, $last - self::OVERLAP_SECONDS );
		}
	}

	/** The shop was connected: report the orders that may count, those of the last 90 days if the rule begins before. */
	public static function begin_connected(): void {
		$rule  = Shop::rule();
		$from  = isset( $rule['counts_from'] ) ? (int) strtotime( (string) $rule['counts_from'] ) : 0;
		$since = max( $from, time() - Outbox::KEPT_DAYS * DAY_IN_SECONDS );
		self::store( self::ALL, 'orders', 0, $since );
	}

	/** Report all orders of the last 90 days. */
	public static function begin_again(): void {
		self::store( self::ALL, 'orders', 0, time() - Outbox::KEPT_DAYS * DAY_IN_SECONDS );
	}

	private static function store( string $mode, string $step, int $after, int $since, int $begun_at = 0 ): void {
		Values::set_array(
			self::STATE,
			array(
				'mode'     => $mode,
				'step'     => $step,
				'after'    => $after,
				'since'    => $since,
				'begun_at' => $begun_at ? $begun_at : time(),
			)
		);
	}

	/** Look for new orders, and go on with a sweep that was begun, for some seconds. */
	public static function run(): void {
		if ( ! Shop::is_connected() || ! Tables::are_current() ) {
			return;
		}
		$lease = new Lease( 'sweep' );
		if ( ! $lease->take( 120 ) ) {
			return;
		}
		try {
			self::find_new();
			$until = microtime( true ) + self::SECONDS;
			while ( microtime( true ) < $until && self::go_on() ) {
				continue;
			}
		} finally {
			$lease->release();
		}
	}

	/** Orders whose request was killed before it wrote their row. */
	private static function find_new(): void {
		$until  = gmdate( 'Y-m-d H:i:s', time() - self::GRACE_SECONDS );
		$stored = Values::get( self::LAST_ID );
		$last   = OrderTable::highest_id( $until );
		if ( null !== $stored ) {
			self::write( OrderTable::never_written( min( (int) $stored, $last ), $until, 10 * self::ROWS ) );
		}
		Values::set( self::LAST_ID, (string) $last );
	}

	/** The next rows of a sweep; whether there may be more. */
	private static function go_on(): bool {
		$state = Values::get_array( self::STATE );
		if ( empty( $state['step'] ) ) {
			return false;
		}
		$after = (int) $state['after'];
		$since = gmdate( 'Y-m-d H:i:s', (int) $state['since'] );
		if ( 'deleted' === $state['step'] ) {
			$ids = OrderTable::deleted_unnoticed( $after, self::ROWS );
		} elseif ( self::ALL === $state['mode'] ) {
			$ids = OrderTable::changed_since( $after, $since, self::ROWS );
		} else {
			$ids = OrderTable::changed_unnoticed( $after, $since, self::ROWS );
		}
		self::write( $ids );
		$is_step_done = count( $ids ) < self::ROWS;
		if ( ! $is_step_done ) {
			self::store( (string) $state['mode'], (string) $state['step'], max( $ids ), (int) $state['since'], (int) $state['begun_at'] );
			return true;
		}
		$next = 'orders' === $state['step'] ? 'deleted' : '';
		self::store( (string) $state['mode'], $next, 0, (int) $state['since'], (int) $state['begun_at'] );
		return '' !== $next;
	}

	/** @param int[] $order_ids */
	private static function write( array $order_ids ): void {
		foreach ( $order_ids as $order_id ) {
			Outbox::add_order( $order_id, 'sweep', 0 );
		}
	}
}

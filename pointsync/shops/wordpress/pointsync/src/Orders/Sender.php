<?php

namespace PointSync\Orders;

use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Schedule;
use PointSync\Storage\Lease;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Sends what waits in the outbox: after the response where the server allows it, and else when the schedule runs.
 */
final class Sender {

	const AFTER_RESPONSE_SECONDS = 2.0;
	const SCHEDULED_SECONDS      = 25.0;
	const ROWS                   = 200;
	const LEASE_SECONDS          = 60;
	/** After so many seconds without an answer, PointSync is asked what it has seen. */
	const PAUSE_SECONDS = 300;
	const CHECK         = 'sender.check';

	/** @var bool whether this request has written a call that can be sent after its response */
	private static $has_calls = false;

	public function register(): void {
		add_action( 'shutdown', array( self::class, 'after_response' ), 9999 );
		add_action( Schedule::SOON, array( self::class, 'run_scheduled' ) );
		add_action( Schedule::MINUTE, array( self::class, 'run_scheduled' ) );
		add_action( Schedule::DAY, array( Outbox::class, 'purge' ) );
	}

	/**
	 * The page was made. If the visitor can be given it now, send what this request has written, for two seconds at
	 * most. Not if the last attempt failed: workers that hang on an unreachable PointSync would take the shop down.
	 */
	public static function after_response(): void {
		$ids       = Recorder::take_rows();
		$is_wanted = $ids || self::$has_calls;

		self::$has_calls = false;
		if ( ! $is_wanted || StagingGuard::is_stopped() || ( Pace::is_failing() && ! Pace::may_try() ) ) {
			return;
		}
		if ( Pace::is_failing() || ! self::end_response() || ! self::run( self::AFTER_RESPONSE_SECONDS, $ids ) ) {
			Schedule::soon();
		}
	}

	/** This request has written a call into the outbox: send it after the response, too. */
	public static function note_call(): void {
		self::$has_calls = true;
	}

	public static function run_scheduled(): void {
		if ( Pace::may_try() ) {
			self::run( self::SCHEDULED_SECONDS );
		}
	}

	/**
	 * Send what is due until the time is over. Whether nothing is left that could be sent.
	 *
	 * @param int[] $own_ids rows that are sent even if they are not due yet
	 */
	public static function run( float $seconds, array $own_ids = array() ): bool {
		if ( ! Shop::is_connected() || StagingGuard::is_stopped() || ! Tables::are_current() ) {
			return true;
		}
		$lease = new Lease( 'sender' );
		if ( ! $lease->take( self::LEASE_SECONDS ) ) {
			return false;
		}
		$until = microtime( true ) + $seconds;
		try {
			if ( ! self::check( $until ) || ! LostOrders::go_on( $until ) ) {
				return false;
			}
			while ( $until - microtime( true ) > 0.2 ) {
				$rows = Outbox::due( self::ROWS, $own_ids );
				if ( ! $rows ) {
					return true;
				}
				if ( ! $lease->take( self::LEASE_SECONDS ) || ! self::send( $rows, $until ) ) {
					return false;
				}
			}
			return ! Outbox::due( 1, $own_ids );
		} finally {
			$lease->release();
		}
	}

	/**
	 * After a pause, and if the feed says that PointSync was restored, ask first what it has seen: one of the two
	 * databases may have been restored. Whether to go on.
	 */
	private static function check( float $until ): bool {
		if ( Pace::state()['worked_at'] > time() - self::PAUSE_SECONDS && null === Values::get( self::CHECK ) ) {
			return true;
		}
		Values::remove( self::CHECK );
		return OrderReports::check( max( 0.5, min( $until - microtime( true ), 10.0 ) ) );
	}

	/** The next run asks what PointSync has seen. */
	public static function check_soon(): void {
		Values::set( self::CHECK, '1' );
	}

	/**
	 * Send rows; whether to go on.
	 *
	 * @param object[] $rows
	 */
	private static function send( array $rows, float $until ): bool {
		$orders = array();
		$calls  = array();
		foreach ( $rows as $row ) {
			if ( Outbox::ORDER === $row->kind ) {
				$orders[ (int) $row->order_id ] = true;
			} else {
				$calls[] = $row;
			}
		}
		return CallRows::send( $calls, $until ) && OrderReports::send( array_keys( $orders ), $until );
	}

	/** Give the visitor the response; whether the server can do that, or nobody waits for one. */
	private static function end_response(): bool {
		if ( wp_doing_cron() || ( defined( 'WP_CLI' ) && WP_CLI ) || 'cli' === PHP_SAPI ) {
			return true;
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			return fastcgi_finish_request();
		}
		return function_exists( 'litespeed_finish_request' ) && litespeed_finish_request();
	}
}

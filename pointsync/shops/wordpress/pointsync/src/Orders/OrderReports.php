<?php

namespace PointSync\Orders;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Pace;
use PointSync\Connection\StagingGuard;
use PointSync\Errors;
use PointSync\Storage\Values;

/**
 * Reports orders as they are now, and notices if PointSync or this shop has forgotten reports.
 */
final class OrderReports {

	/** Orders in one call: PointSync needs about 30 ms for each. */
	const BATCH       = 50;
	const SMALL_BATCH = 10;
	const MAX_BYTES   = 4000000;
	const MAX_SECONDS = 30.0;
	/** Below this many seconds, a small batch is sent. */
	const SHORT_SECONDS = 5.0;

	/** The `seen_at` of the last report that PointSync has answered. */
	const SEEN_AT = 'reports.seen_at';
	/** Its `lineage`. */
	const LINEAGE = 'reports.lineage';
	/** When a call was begun whose answer is not known. */
	const UNANSWERED = 'reports.unanswered';

	/**
	 * Report these orders; whether to go on.
	 *
	 * @param int[] $order_ids
	 */
	public static function send( array $order_ids, float $until ): bool {
		while ( $order_ids ) {
			$left = $until - microtime( true );
			if ( $left < 0.2 ) {
				return false;
			}
			$batch     = array_slice( $order_ids, 0, $left < self::SHORT_SECONDS ? self::SMALL_BATCH : self::BATCH );
			$order_ids = array_slice( $order_ids, count( $batch ) );
			if ( ! self::send_batch( $batch, $until ) ) {
				return false;
			}
		}
		return true;
	}

	/** @param int[] $order_ids */
	private static function send_batch( array $order_ids, float $until ): bool {
		$rows    = Outbox::waiting_of_orders( $order_ids );  // before the orders are read: see Outbox on versions
		$reports = self::read( $order_ids, $rows );
		if ( ! $reports ) {
			return true;
		}
		$unanswered = (int) Values::get( self::UNANSWERED );
		Values::set( self::UNANSWERED, (string) time() );
		$body   = array(
			'shop'   => StagingGuard::current_home(),
			'orders' => array_values( $reports ),
		);
		$answer = Client::call( 'POST', '/orders', $body, min( max( $until - microtime( true ), 0.5 ), self::MAX_SECONDS ) );
		if ( $answer->is_success() ) {
			Values::remove( self::UNANSWERED );
			Pace::note_success();
			self::notice_loss( $answer, $unanswered );
			self::take_in( $rows, $reports, $answer );
			return true;
		}
		if ( Pace::concerns_all( $answer ) ) {
			Outbox::note_failure( $rows, $answer->status, $answer->message() );
			Pace::note_failure( $answer );
			return false;
		}
		return self::split( $order_ids, $rows, $answer, $until );
	}

	/**
	 * A whole call was refused because of one of its orders, or because it is too large: send it in halves. An order
	 * that is refused alone is put aside.
	 *
	 * @param int[]    $order_ids
	 * @param object[] $rows
	 */
	private static function split( array $order_ids, array $rows, Answer $answer, float $until ): bool {
		if ( count( $order_ids ) > 1 ) {
			foreach ( array_chunk( $order_ids, (int) ceil( count( $order_ids ) / 2 ) ) as $half ) {
				if ( $until - microtime( true ) < 0.2 || ! self::send_batch( $half, $until ) ) {
					return false;
				}
			}
			return true;
		}
		self::refuse( $rows, $answer->status, $answer->message() );
		return true;
	}

	/**
	 * The orders as they are now, by id. An order that cannot be read is put aside.
	 *
	 * @param int[]    $order_ids
	 * @param object[] $rows
	 * @return array<int, array<string, mixed>>
	 */
	private static function read( array $order_ids, array $rows ): array {
		global $wpdb;
		$read_at = str_replace( ' ', 'T', (string) $wpdb->get_var( 'SELECT UTC_TIMESTAMP(6)' ) );
		$reports = array();
		$bytes   = 0;
		foreach ( $order_ids as $order_id ) {
			try {
				if ( ! self::is_reported( (int) $order_id ) ) {
					self::leave( self::rows_of( $rows, (int) $order_id ) );
					continue;
				}
				$report = self::read_order( (int) $order_id, $read_at );
			} catch ( \Throwable $error ) {
				self::refuse( self::rows_of( $rows, (int) $order_id ), 0, $error->getMessage() );
				continue;
			}
			$bytes += strlen( (string) wp_json_encode( $report ) );
			if ( $reports && $bytes > self::MAX_BYTES ) {
				break;
			}
			$reports[ (int) $order_id ] = $report;
		}
		return $reports;
	}

	/** Whether an order is PointSync's to count, and not another program's. One that was deleted is reported. */
	private static function is_reported( int $order_id ): bool {
		$order = wc_get_order( $order_id );
		/**
		 * Whether an order is reported. Not if another program of this shop counts it.
		 *
		 * @param bool      $is_reported
		 * @param \WC_Order $order
		 */
		return ! $order instanceof \WC_Order || (bool) apply_filters( 'pointsync_order_is_reported', true, $order );
	}

	/** @param object[] $rows of an order that another program counts */
	private static function leave( array $rows ): void {
		$answer = array(
			'status' => 'not_counted',
			'points' => 0,
			'reason' => __( 'Another program of this shop counts this order.', 'pointsync' ),
		);
		foreach ( $rows as $row ) {
			Outbox::settle( $row, Outbox::SENT, 0, (string) wp_json_encode( $answer ), null, 'left' );
		}
	}

	/** @return array<string, mixed> */
	private static function read_order( int $order_id, string $read_at ): array {
		wp_cache_delete( 'order-items-' . $order_id, 'orders' );  // another request may have changed it since
		$order = wc_get_order( $order_id );
		return $order instanceof \WC_Order ? OrderJson::build( $order, $read_at ) : OrderJson::build_deleted( $order_id );
	}

	/**
	 * @param object[]                         $rows
	 * @param array<int, array<string, mixed>> $reports those that were sent, in their order
	 */
	private static function take_in( array $rows, array $reports, Answer $answer ): void {
		$seen_at = isset( $answer->body['seen_at'] ) ? (string) $answer->body['seen_at'] : '';
		$results = isset( $answer->body['results'] ) && is_array( $answer->body['results'] ) ? array_values( $answer->body['results'] ) : array();
		foreach ( array_keys( $reports ) as $index => $order_id ) {
			$path   = isset( $reports[ $order_id ]['deleted'] ) ? 'deleted' : 'order';
			$result = isset( $results[ $index ] ) && is_array( $results[ $index ] ) ? $results[ $index ] : array();
			foreach ( self::rows_of( $rows, $order_id ) as $row ) {
				Outbox::settle( $row, Outbox::SENT, $answer->status, (string) wp_json_encode( $result ), $seen_at, $path );
			}
		}
		self::remember( $answer );
	}

	/** Store up to where PointSync has seen the reports of this shop, with this answer. */
	public static function remember( Answer $answer ): void {
		$seen_at = isset( $answer->body['seen_at'] ) ? $answer->body['seen_at'] : $answer->body['seen_until'];
		Values::set( self::SEEN_AT, (string) $seen_at );
		Values::set( self::LINEAGE, isset( $answer->body['lineage'] ) ? (string) $answer->body['lineage'] : '' );
	}

	/**
	 * Ask what PointSync has seen, and begin what follows from it. Whether it has answered.
	 */
	public static function check( float $seconds ): bool {
		$answer = Client::call( 'GET', '/orders', null, $seconds );
		if ( ! $answer->is_success() ) {
			Pace::note_failure( $answer );
			return false;
		}
		self::notice_loss( $answer, Values::get_int( self::UNANSWERED ) );
		self::remember( $answer );
		Pace::note_answered();
		return true;
	}

	/** See `Memory::find`: send again what PointSync, or this shop, has forgotten. Before the answer is stored. */
	private static function notice_loss( Answer $answer, int $unanswered ): void {
		$seen_until = isset( $answer->body['seen_until'] ) ? (string) $answer->body['seen_until'] : '';
		$lineage    = isset( $answer->body['lineage'] ) ? (string) $answer->body['lineage'] : '';
		$loss       = Memory::find(
			(string) Values::get( self::SEEN_AT ),
			(string) Values::get( self::LINEAGE ),
			$unanswered,
			$seen_until,
			$lineage
		);
		if ( Memory::POINTSYNC_LOST === $loss ) {
			Outbox::reopen( $seen_until );
		} elseif ( Memory::POINTSYNC_REPLACED === $loss ) {
			Outbox::reopen( '' );
		} elseif ( Memory::SHOP_LOST === $loss ) {
			Errors::add( 'shop_restored', __( 'PointSync has seen reports that this shop does not remember: its database was restored. All orders of the last 90 days are reported again.', 'pointsync' ) );
			LostOrders::begin( (string) Values::get( self::SEEN_AT ) );
			Sweep::begin_again();
		}
	}

	/** Another PointSync may answer from now on: what was seen says nothing about it. */
	public static function forget(): void {
		foreach ( array( self::SEEN_AT, self::LINEAGE, self::UNANSWERED ) as $name ) {
			Values::remove( $name );
		}
	}

	/**
	 * @param object[] $rows
	 * @return object[]
	 */
	private static function rows_of( array $rows, int $order_id ): array {
		return array_filter( $rows, static fn( $row ): bool => (int) $row->order_id === $order_id );
	}

	/** @param object[] $rows */
	private static function refuse( array $rows, int $status, string $message ): void {
		foreach ( $rows as $row ) {
			Outbox::settle( $row, Outbox::REFUSED, $status, $message, '' );
		}
		// Without the reason, which may name a customer: errors are sent to PointSync.
		Errors::add( 'order_refused', __( 'An order could not be reported. The reason is under WooCommerce › PointSync.', 'pointsync' ) );
	}
}

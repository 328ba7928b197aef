<?php

namespace PointSync\Feed;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Errors;
use PointSync\Orders\Sender;
use PointSync\Schedule;
use PointSync\Storage\Lease;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Follows PointSync's movements, and keeps the tables of balances and movements like it.
 *
 * The feed is read from its beginning. Until its end is reached for the first time, only movements are stored: their
 * balances are of the past. At the end, each customer's balance is that of the last movement, and from then on each
 * movement sets it. A movement and the position after it are stored in one transaction, so that none is missed.
 *
 * After a restore of PointSync the position is not valid any more. Then all of it is read again, as the next
 * generation. Customers see the balances of the generation before until the end is reached.
 */
final class Reader {

	const STATE         = 'feed';
	const LIMIT         = 500;
	const SECONDS       = 20.0;
	const FIRST_SECONDS = 3.0;
	const CALL_SECONDS  = 20.0;
	const LEASE_SECONDS = 60;

	public function register(): void {
		add_action( Schedule::MINUTE, array( self::class, 'run_scheduled' ), 20 );
		add_action( 'pointsync_connected', array( self::class, 'begin_connected' ) );
		add_action( 'pointsync_disconnected', array( self::class, 'clear' ) );
	}

	/** The shop was connected: the admin who waits sees the first page of it, so that a small family is complete. */
	public static function begin_connected(): void {
		self::begin_anew();
		self::run( self::FIRST_SECONDS );
	}

	public static function run_scheduled(): void {
		self::run( self::SECONDS );
	}

	/**
	 * Read what is new, for so many seconds at most. Whether the end of the feed was reached.
	 */
	public static function run( float $seconds ): bool {
		if ( ! Shop::is_connected() || StagingGuard::is_stopped() || ! Tables::are_current() ) {
			return false;
		}
		$lease = new Lease( 'feed' );
		if ( ! $lease->take( self::LEASE_SECONDS ) ) {
			return false;
		}
		$until = microtime( true ) + $seconds;
		try {
			do {
				$count = self::read_page( max( 1.0, min( $until - microtime( true ), self::CALL_SECONDS ) ) );
			} while ( $count >= self::LIMIT && microtime( true ) < $until && $lease->take( self::LEASE_SECONDS ) );
		} finally {
			$lease->release();
		}
		return $count >= 0 && $count < self::LIMIT;
	}

	/** @return array{cursor: string, generation: int, is_filled: bool, at: int, failed_at: int} */
	public static function state(): array {
		$state = Values::get_array( self::STATE );
		return array(
			'cursor'     => isset( $state['cursor'] ) ? (string) $state['cursor'] : '',
			'generation' => isset( $state['generation'] ) ? (int) $state['generation'] : 1,
			'is_filled'  => ! empty( $state['is_filled'] ),
			'at'         => isset( $state['at'] ) ? (int) $state['at'] : 0,
			'failed_at'  => isset( $state['failed_at'] ) ? (int) $state['failed_at'] : 0,
		);
	}

	/** Read everything again. What is known stays visible meanwhile. */
	public static function begin_anew(): void {
		$state               = self::state();
		$state['cursor']     = '';
		$state['generation'] = $state['generation'] + 1;
		$state['is_filled']  = false;
		Values::set_array( self::STATE, $state );
	}

	/** Forget all movements and balances: this shop has no PointSync any more. */
	public static function clear(): void {
		global $wpdb;
		foreach ( array( 'movement', 'balance' ) as $noun ) {
			$table = Tables::name( $noun );
			$wpdb->query( "DELETE FROM {$table}" );
		}
		Values::remove( self::STATE );
	}

	/** How many movements the next page had; -1 if it could not be read. */
	private static function read_page( float $seconds ): int {
		$state  = self::state();
		$query  = array( 'limit' => self::LIMIT );
		$query += '' === $state['cursor'] ? array() : array( 'after' => rawurlencode( $state['cursor'] ) );
		$answer = Client::call( 'GET', add_query_arg( $query, '/movements/feed' ), null, $seconds );
		if ( ! $answer->is_success() ) {
			self::note_failure( $state, $answer );
			return -1;
		}
		$movements = isset( $answer->body['movements'] ) && is_array( $answer->body['movements'] ) ? $answer->body['movements'] : array();
		$next      = isset( $answer->body['next'] ) ? (string) $answer->body['next'] : $state['cursor'];
		self::store_page( $state, $movements, $next );
		Pace::note_answer();
		return count( $movements );
	}

	/** @param array{cursor: string, generation: int, is_filled: bool, at: int, failed_at: int} $state */
	private static function note_failure( array $state, Answer $answer ): void {
		if ( 'cursor_invalid' === $answer->code() ) {
			self::begin_anew();
			Sender::check_soon();
			return;
		}
		$state['failed_at'] = time();
		Values::set_array( self::STATE, $state );
		Errors::add( '' !== $answer->code() ? $answer->code() : 'no_answer', $answer->message() );
	}

	/**
	 * @param array{cursor: string, generation: int, is_filled: bool, at: int, failed_at: int} $state
	 * @param array<int, mixed>                                                                 $movements
	 */
	private static function store_page( array $state, array $movements, string $next ): void {
		global $wpdb;
		$changed = array();
		$reserve = Shop::reserve();
		$wpdb->query( 'START TRANSACTION' );
		if ( self::state()['generation'] !== $state['generation'] ) {  // begun anew meanwhile
			$wpdb->query( 'ROLLBACK' );
			return;
		}
		foreach ( $movements as $movement ) {
			if ( ! is_array( $movement ) || ! isset( $movement['reserve'] ) || $movement['reserve'] !== $reserve ) {
				continue;
			}
			Movements::store( $movement, $state['generation'] );
			if ( $state['is_filled'] ) {
				Balances::set( (string) $movement['customer'], $reserve, (int) $movement['balance'], $state['generation'] );
				$changed[ (string) $movement['customer'] ] = true;
			}
		}
		$is_end          = count( $movements ) < self::LIMIT;
		$is_first        = $is_end && ! $state['is_filled'];
		$state['cursor'] = $next;
		$state['at']     = time();
		if ( $is_first ) {
			Balances::take_from_movements( $reserve, $state['generation'] );
			$state['is_filled'] = true;
		}
		$state['failed_at'] = 0;
		Values::set_array( self::STATE, $state );
		$wpdb->query( 'COMMIT' );
		if ( $is_first ) {
			Movements::forget_before( $state['generation'] );
			Refresh::begin();
		}
		if ( $changed ) {
			/**
			 * The balances of these customers have changed.
			 *
			 * @param string[] $emails
			 */
			do_action( 'pointsync_balances_changed', array_keys( $changed ) );
		}
	}
}

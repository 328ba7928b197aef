<?php

namespace PointSync\Migration;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\MyRewards\Taken;
use PointSync\Schedule;
use PointSync\Storage\Lease;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Brings balances from another program to PointSync: first a dry run, then, if an admin wants it, the recording.
 *
 * In parts, by the schedule, so that a shop of any size is done, and a part that is killed is done again: PointSync records
 * what a person had in a program once.
 */
final class Run {

	const STATE = 'migration';
	const HOOK  = 'pointsync_migration';

	const MYREWARDS          = 'myrewards';
	const POINTS_AND_REWARDS = 'points-and-rewards';
	const CSV                = 'csv';

	const READING   = 'reading';
	const COMPARING = 'comparing';
	const READY     = 'ready';
	const RECORDING = 'recording';
	const DONE      = 'done';

	const PART          = 500;
	const SECONDS       = 15.0;
	const CALL_SECONDS  = 30.0;
	const LEASE_SECONDS = 90;
	const KEPT_DAYS     = 30;

	public function register(): void {
		add_action( self::HOOK, array( self::class, 'go_on' ), 10, 0 );
		add_action( Schedule::MINUTE, array( self::class, 'go_on' ), 50, 0 );
		add_action( Schedule::DAY, array( self::class, 'forget_old' ) );
	}

	/** @return array{source: string, program: string, was_in_step: bool, stack: string, phase: string, next: string, position: int, is_stopped: bool, problem: string, changed_at: int} */
	public static function state(): array {
		$state = Values::get_array( self::STATE );
		$text  = static fn( string $name ): string => isset( $state[ $name ] ) ? (string) $state[ $name ] : '';
		return array(
			'source'      => $text( 'source' ),
			'program'     => $text( 'program' ),
			'was_in_step' => ! empty( $state['was_in_step'] ),
			'stack'       => $text( 'stack' ),
			'phase'       => $text( 'phase' ),
			'next'        => $text( 'next' ),
			'position'    => isset( $state['position'] ) ? (int) $state['position'] : 0,
			'is_stopped'  => ! empty( $state['is_stopped'] ),
			'problem'     => $text( 'problem' ),
			'changed_at'  => isset( $state['changed_at'] ) ? (int) $state['changed_at'] : 0,
		);
	}

	/** @param array<string, mixed> $values replace those of the state */
	private static function change( array $values ): void {
		Values::set_array( self::STATE, array( 'changed_at' => time() ) + $values + self::state() );
	}

	/** Begin a dry run. The lines of a CSV file are in the table already. */
	public static function begin( string $source, string $program, bool $was_in_step, string $stack = '' ): void {
		if ( self::CSV !== $source ) {
			Lines::clear();
		}
		Values::set_array(
			self::STATE,
			array(
				'source'      => $source,
				'program'     => $program,
				'was_in_step' => $was_in_step,
				'stack'       => $stack,
				'phase'       => self::CSV === $source ? self::COMPARING : self::READING,
				'next'        => self::COMPARING,
				'changed_at'  => time(),
			)
		);
		if ( self::CSV === $source ) {
			Lines::find_doubles();
		}
		self::soon();
	}

	/** An admin has seen the dry run: record. What is in the shop is read again, since it may have changed meanwhile. */
	public static function record(): void {
		$state = self::state();
		if ( self::READY !== $state['phase'] ) {
			return;
		}
		if ( self::CSV === $state['source'] ) {
			self::change( array( 'phase' => self::RECORDING, 'position' => 0 ) );
		} else {
			if ( self::MYREWARDS === $state['source'] ) {
				Taken::begin( $state['stack'] );
			}
			Lines::clear();
			self::change( array( 'phase' => self::READING, 'next' => self::RECORDING, 'position' => 0 ) );
		}
		self::soon();
	}

	public static function stop(): void {
		self::change( array( 'is_stopped' => true ) );
	}

	public static function resume(): void {
		self::change( array( 'is_stopped' => false, 'problem' => '' ) );
		self::soon();
	}

	/** Forget the lines and their addresses. */
	public static function forget(): void {
		Lines::clear();
		Values::remove( self::STATE );
	}

	public static function forget_old(): void {
		$state = self::state();
		if ( '' !== $state['phase'] && $state['changed_at'] < time() - self::KEPT_DAYS * DAY_IN_SECONDS ) {
			self::forget();
		}
	}

	/** Whether something is left to do without an admin. */
	public static function is_running(): bool {
		$state = self::state();
		return ! $state['is_stopped'] && in_array( $state['phase'], array( self::READING, self::COMPARING, self::RECORDING ), true );
	}

	/** Do the next parts, for some seconds. */
	public static function go_on( float $seconds = self::SECONDS ): void {
		$lease = new Lease( 'migration' );
		if ( ! Tables::are_current() || ! Shop::is_connected() || StagingGuard::is_stopped() || ! self::is_running() || ! $lease->take( self::LEASE_SECONDS ) ) {
			return;
		}
		$until = microtime( true ) + $seconds;
		try {
			do {
				$is_going_on = self::do_part() && $lease->take( self::LEASE_SECONDS );
			} while ( $is_going_on && self::is_running() && microtime( true ) < $until );
		} finally {
			$lease->release();
		}
		if ( $is_going_on && self::is_running() ) {
			self::soon();
		}
	}

	/** Do one part; whether to go on at once. */
	private static function do_part(): bool {
		$state = self::state();
		if ( self::READING === $state['phase'] ) {
			self::read_part( $state );
			return true;
		}
		return self::send_part( $state, self::COMPARING === $state['phase'] );
	}

	/** @param array{source: string, stack: string, position: int, next: string} $state */
	private static function read_part( array $state ): void {
		global $wpdb;
		$source   = self::MYREWARDS === $state['source'] ? new MyRewardsSource( $state['stack'], Shop::reserve() ) : new PointsAndRewardsSource( Shop::reserve() );
		$position = $state['position'];
		$lines    = $source->read( $position, self::PART );
		$is_end   = count( $lines ) < self::PART;
		$wpdb->query( 'START TRANSACTION' );
		Lines::add( $lines );
		if ( $is_end ) {
			Lines::find_doubles();
			self::change( array( 'phase' => $state['next'], 'position' => 0 ) );
		} else {
			self::change( array( 'position' => $position ) );
		}
		$wpdb->query( 'COMMIT' );
	}

	/** @param array{program: string, was_in_step: bool, source: string, stack: string} $state */
	private static function send_part( array $state, bool $is_dry_run ): bool {
		$rows = Lines::in_states( $is_dry_run ? array( Line::NEW ) : array( Line::NEW, Lines::READY ), self::PART );
		if ( ! $rows ) {
			self::finish( $state, $is_dry_run );
			return true;
		}
		$answer = Client::call( 'POST', '/balances/bring', self::body( $state, $rows, $is_dry_run ), self::CALL_SECONDS );
		if ( ! $answer->is_success() || ! isset( $answer->body['results'] ) || count( (array) $answer->body['results'] ) !== count( $rows ) ) {
			self::note_failure( $answer );
			return false;
		}
		foreach ( array_values( $answer->body['results'] ) as $index => $result ) {
			self::settle( $rows[ $index ], (array) $result );
		}
		self::change( array( 'problem' => '' ) );
		return true;
	}

	/**
	 * @param array{program: string, was_in_step: bool} $state
	 * @param object[]                                  $rows
	 * @return array<string, mixed>
	 */
	private static function body( array $state, array $rows, bool $is_dry_run ): array {
		$balances = array();
		foreach ( $rows as $row ) {
			$balances[] = array(
				'customer' => (string) $row->customer,
				'points'   => (int) $row->points,
				'reserve'  => (string) $row->reserve,
			);
		}
		return array(
			'program'     => $state['program'],
			'was_in_step' => $state['was_in_step'],
			'reason'      => __( 'Points from before', 'pointsync' ),
			'dry_run'     => $is_dry_run,
			'balances'    => $balances,
		);
	}

	/** @param array<string, mixed> $result */
	private static function settle( object $row, array $result ): void {
		$states  = array(
			'recorded'  => Lines::RECORDED,
			'new'       => Lines::READY,
			'duplicate' => Lines::KNOWN,
		);
		$status  = isset( $result['status'] ) ? (string) $result['status'] : '';
		$error   = isset( $result['error'] ) && is_array( $result['error'] ) ? $result['error'] : array();
		$reason  = isset( $error['code'] ) ? (string) $error['code'] : '';
		$message = isset( $error['message'] ) ? (string) $error['message'] : '';
		Lines::settle( (int) $row->id, isset( $states[ $status ] ) ? $states[ $status ] : Lines::REFUSED, $reason, $message, isset( $result['balance'] ) ? (int) $result['balance'] : null );
	}

	/** A call failed: it is made again by the schedule, unless only an admin can help. */
	private static function note_failure( Answer $answer ): void {
		$message = '' !== $answer->message() ? $answer->message() : __( 'PointSync’s answer could not be read.', 'pointsync' );
		if ( 404 === $answer->status ) {
			$message = __( 'This PointSync is older than the plugin, and cannot take balances in. Upgrade PointSync.', 'pointsync' );
		}
		self::change( array( 'problem' => $message, 'is_stopped' => ! $answer->is_worth_repeating() ) );
	}

	/** @param array{source: string, stack: string} $state */
	private static function finish( array $state, bool $is_dry_run ): void {
		if ( ! $is_dry_run && self::MYREWARDS === $state['source'] ) {
			Taken::set_ready( $state['stack'] );
		}
		self::change( array( 'phase' => $is_dry_run ? self::READY : self::DONE, 'problem' => '' ) );
	}

	private static function soon(): void {
		if ( function_exists( 'as_enqueue_async_action' ) ) {
			as_enqueue_async_action( self::HOOK, array(), Schedule::GROUP, true );
		} elseif ( ! wp_next_scheduled( self::HOOK ) ) {
			wp_schedule_single_event( time(), self::HOOK );
		}
	}
}

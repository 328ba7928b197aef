<?php

namespace PointSync\Connection;

use PointSync\Errors;
use PointSync\Storage\Values;

/**
 * How sending goes: when it last worked, and after failures, when to try again. The wait grows with each failure.
 */
final class Pace {

	const NAME        = 'sending';
	const WAITS       = array( 10, 30, 60, 120, 300, 600, 900 );
	const MAX_SECONDS = 3600;

	/** Errors of a whole call that only an admin can remove: nothing of it has counted, and nothing else would. */
	const NEEDS_ADMIN = array( 'unauthorized', 'forbidden', 'no_rule', 'counted_twice', 'other_shop', 'other_address' );

	/**
	 * @return array{failures: int, next_at: int, failed_at: int, worked_at: int, code: string, message: string}
	 */
	public static function state(): array {
		$state = Values::get_array( self::NAME );
		return array(
			'failures'  => isset( $state['failures'] ) ? (int) $state['failures'] : 0,
			'next_at'   => isset( $state['next_at'] ) ? (int) $state['next_at'] : 0,
			'failed_at' => isset( $state['failed_at'] ) ? (int) $state['failed_at'] : 0,
			'worked_at' => isset( $state['worked_at'] ) ? (int) $state['worked_at'] : 0,
			'code'      => isset( $state['code'] ) ? (string) $state['code'] : '',
			'message'   => isset( $state['message'] ) ? (string) $state['message'] : '',
		);
	}

	/** Whether the last attempt failed. Then no page waits for PointSync after its response. */
	public static function is_failing(): bool {
		return self::state()['failures'] > 0;
	}

	/** Whether an attempt may be made now. */
	public static function may_try(): bool {
		return self::state()['next_at'] <= time();
	}

	/** Whether the failure concerns everything that is to be sent, and not only what was sent. */
	public static function concerns_all( Answer $answer ): bool {
		return $answer->is_worth_repeating() || in_array( $answer->status, array( 401, 403 ), true )
			|| in_array( $answer->code(), self::NEEDS_ADMIN, true );
	}

	public static function note_failure( Answer $answer ): void {
		$state              = self::state();
		$state['failures'] += 1;
		$state['failed_at'] = time();
		$state['next_at']   = time() + self::wait_seconds( $state['failures'], $answer->retry_after );
		$state['code']      = '' !== $answer->code() ? $answer->code() : 'no_answer';
		$state['message']   = $answer->message();
		Values::set_array( self::NAME, $state );
		Errors::add( $state['code'], $state['message'] );
	}

	public static function note_success(): void {
		$state = self::state();
		if ( 0 === $state['failures'] && $state['worked_at'] > time() - 60 ) {
			return;
		}
		$state['failures']  = 0;
		$state['next_at']   = 0;
		$state['worked_at'] = time();
		Values::set_array( self::NAME, $state );
	}

	/** PointSync answers, so what waited for its answer need not wait any longer. */
	public static function note_answer(): void {
		if ( 'no_answer' === self::state()['code'] ) {
			self::hurry();
		}
	}

	/** PointSync has answered a question. That heals only what was a failure to answer. */
	public static function note_answered(): void {
		if ( ! self::is_failing() || 'no_answer' === self::state()['code'] ) {
			self::note_success();
		}
	}

	/** Try again now. */
	public static function hurry(): void {
		$state = self::state();
		if ( $state['failures'] > 0 ) {
			$state['next_at'] = 0;
			Values::set_array( self::NAME, $state );
		}
	}

	/** The seconds to wait after so many failures; PointSync's own wish counts, up to an hour. */
	public static function wait_seconds( int $failures, int $retry_after ): int {
		$index = min( max( $failures, 1 ), count( self::WAITS ) ) - 1;
		return max( self::WAITS[ $index ], min( $retry_after, self::MAX_SECONDS ) );
	}
}

<?php

namespace PointSync\Spending;

use PointSync\Connection\Answer;

/**
 * What an answer of PointSync means for an order's points. Pure: it changes only the account's fields.
 */
final class Outcome {

	/** The step is done, or another one follows at once. */
	const GO_ON = 'go on';
	/** The same step again, later. */
	const LATER = 'later';
	/** The staff must decide. */
	const STUCK = 'stuck';
	/** PointSync has to be asked how the hold has ended. */
	const ASK = 'ask';

	const INSUFFICIENT = 'insufficient';
	const REFUSED      = 'refused';
	const CONFLICT     = 'conflict';

	/**
	 * @param array<string, mixed> $step
	 * @param string               $reason of the movement, for the customer
	 * @param string               $at     now, as PointSync writes times
	 */
	public static function apply( Account $account, array $step, Answer $answer, string $reason, string $at ): string {
		switch ( $step['do'] ) {
			case Step::HOLD:
				return self::of_hold( $account, $step, $answer );
			case Step::CAPTURE:
				return self::of_capture( $account, $step, $answer, $reason, $at );
			case Step::RELEASE:
				return self::of_release( $account, $answer );
			default:
				return self::of_movement( $account, $step, $answer, $reason, $at );
		}
	}

	/** @param array<string, mixed> $step */
	private static function of_hold( Account $account, array $step, Answer $answer ): string {
		if ( $answer->is_success() ) {
			$state = isset( $answer->body['hold']['state'] ) ? $answer->body['hold']['state'] : '';
			$account->step        = null;
			$account->hold_number = (int) $step['number'];
			$account->hold_points = (int) $step['points'];
			$account->hold_state  = 'held' === $state ? Step::HELD : Step::NONE;
			$until                = isset( $answer->body['hold']['until'] ) ? strtotime( (string) $answer->body['hold']['until'] ) : false;
			$account->hold_until  = false === $until ? null : gmdate( 'Y-m-d H:i:s', $until );
			return self::GO_ON;
		}
		if ( 'hold_ended' === $answer->code() ) {
			$account->hold_number = (int) $step['number'];
			return self::ASK;
		}
		if ( 'ref_conflict' === $answer->code() ) {
			// A restored shop counts from an earlier number: the reference is used up, take the next one.
			$account->step        = null;
			$account->hold_number = (int) $step['number'];
			return self::GO_ON;
		}
		if ( 'insufficient_points' === $answer->code() ) {
			$account->step = null;
			return self::stop( $account, self::INSUFFICIENT, $answer );
		}
		return self::later_or_stuck( $account, $answer );
	}

	/** @param array<string, mixed> $step */
	private static function of_capture( Account $account, array $step, Answer $answer, string $reason, string $at ): string {
		if ( $answer->is_success() ) {
			$taken = isset( $answer->body['hold']['captured_points'] ) ? (int) $answer->body['hold']['captured_points'] : (int) $step['points'];
			self::note( $account, Ref::of_spend( $account, (int) $step['number'] ), -$taken, 'spend', $reason, $at );
			return self::end_hold( $account, $taken );
		}
		if ( 'unknown_hold' === $answer->code() ) {
			// PointSync was restored since, and the goods are paid: take the points without the hold.
			$account->hold_state = Step::NONE;
			$account->step       = array( 'do' => Step::TAKE ) + $step;
			return self::GO_ON;
		}
		if ( 'hold_ended' === $answer->code() || 'insufficient_points' === $answer->code() ) {
			// It has ended, and its points are used elsewhere: another hold is tried next.
			return self::end_hold( $account, 0 );
		}
		return self::later_or_stuck( $account, $answer );
	}

	private static function of_release( Account $account, Answer $answer ): string {
		if ( $answer->is_success() || 'unknown_hold' === $answer->code() ) {
			return self::end_hold( $account, 0 );
		}
		return 'hold_ended' === $answer->code() ? self::ASK : self::later_or_stuck( $account, $answer );
	}

	/** @param array<string, mixed> $step */
	private static function of_movement( Account $account, array $step, Answer $answer, string $reason, string $at ): string {
		$is_refund = Step::REFUND === $step['do'];
		if ( ! $answer->is_success() ) {
			return self::later_or_stuck( $account, $answer );
		}
		$points = (int) $step['points'];
		$number = (int) $step['number'];
		if ( $is_refund ) {
			self::note( $account, Ref::of_refund( $account, $number ), $points, 'refund', $reason, $at );
			$account->refund_number = $number;
			$account->returned     += $points;
		} else {
			self::note( $account, Ref::of_spend( $account, $number ), -$points, 'spend', $reason, $at );
			$account->hold_number = $number;
			$account->taken      += $points;
		}
		$account->step = null;
		return self::GO_ON;
	}

	/** PointSync has told how the hold `$hold` stands. */
	public static function adopt( Account $account, Answer $answer, string $reason, string $at ): string {
		if ( ! $answer->is_success() && 'unknown_hold' !== $answer->code() ) {
			return self::later_or_stuck( $account, $answer );
		}
		$hold  = isset( $answer->body['hold'] ) && is_array( $answer->body['hold'] ) ? $answer->body['hold'] : array();
		$taken = isset( $hold['state'] ) && 'captured' === $hold['state'] ? (int) $hold['captured_points'] : 0;
		$ref   = Ref::of_spend( $account, $account->hold_number );
		if ( $taken && ! in_array( $ref, array_column( $account->movements, 'ref' ), true ) ) {
			self::note( $account, $ref, -$taken, 'spend', $reason, $at );
		} else {
			$taken = 0;
		}
		return self::end_hold( $account, $taken );
	}

	/**
	 * The shop has forgotten a movement, since its database was restored; the feed has told it.
	 *
	 * @param array{ref: string, points: int, kind: string, reason: string, at: string} $movement
	 */
	public static function remember( Account $account, int $number, array $movement ): void {
		$account->movements[] = $movement;
		if ( $movement['points'] > 0 ) {
			$account->refund_number = max( $account->refund_number, $number );
			$account->returned     += $movement['points'];
		} else {
			$account->hold_number = max( $account->hold_number, $number );
			$account->taken      -= $movement['points'];
		}
	}

	private static function end_hold( Account $account, int $taken ): string {
		$account->step        = null;
		$account->hold_state  = Step::NONE;
		$account->hold_points = 0;
		$account->taken      += $taken;
		return self::GO_ON;
	}

	private static function note( Account $account, string $ref, int $points, string $kind, string $reason, string $at ): void {
		$account->movements[] = array(
			'ref'    => $ref,
			'points' => $points,
			'kind'   => $kind,
			'reason' => $reason,
			'at'     => $at,
		);
	}

	private static function later_or_stuck( Account $account, Answer $answer ): string {
		if ( 'ref_conflict' === $answer->code() ) {
			// A restored shop uses a reference again. The feed tells what it stands for.
			$account->step = null;
			return self::stop( $account, self::CONFLICT, $answer );
		}
		if ( 422 === $answer->status || 404 === $answer->status ) {
			$account->step = null;
			return self::stop( $account, self::REFUSED, $answer );
		}
		$account->message = $answer->message();
		return self::LATER;
	}

	private static function stop( Account $account, string $problem, Answer $answer ): string {
		$account->problem = $problem;
		$account->message = $answer->message();
		return self::STUCK;
	}
}

<?php

namespace PointSync\Spending;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;

/**
 * Makes the call of a step.
 */
final class Calls {

	/** How long a hold lasts without payment, at least; WooCommerce's own time for unpaid orders can make it longer. */
	const HOLD_MINUTES     = 75;
	const MAX_HOLD_MINUTES = 40000;

	/** @param array<string, mixed> $step */
	public static function make( Account $account, array $step, string $reason, float $seconds ): Answer {
		$number = (int) $step['number'];
		$points = (int) $step['points'];
		$hold   = '/holds/' . rawurlencode( Ref::of_hold( $account, $number ) );
		switch ( $step['do'] ) {
			case Step::HOLD:
				$body = array(
					'customer' => $account->email,
					'reserve'  => $account->reserve,
					'points'   => $points,
					'ref'      => Ref::of_hold( $account, $number ),
					'until'    => gmdate( 'Y-m-d\TH:i:s\Z', time() + 60 * self::hold_minutes() ),
				);
				return Client::call( 'POST', '/holds', $body, $seconds );
			case Step::CAPTURE:
				$body = array(
					'movement_ref' => Ref::of_spend( $account, $number ),
					'reason'       => $reason,
				);
				return Client::call( 'POST', $hold . '/capture', $body, $seconds );
			case Step::RELEASE:
				return Client::call( 'POST', $hold . '/release', null, $seconds );
			case Step::TAKE:
				return self::record( $account, Ref::of_spend( $account, $number ), -$points, 'spend', $reason, $seconds );
			default:
				return self::record( $account, Ref::of_refund( $account, $number ), $points, 'refund', $reason, $seconds );
		}
	}

	/** How the hold stands. */
	public static function show_hold( Account $account, float $seconds ): Answer {
		return Client::call( 'GET', '/holds/' . rawurlencode( Ref::of_hold( $account, $account->hold_number ) ), null, $seconds );
	}

	/** Record again what PointSync has forgotten; what it knows stays as it is. */
	public static function repeat( Account $account, float $seconds ): Answer {
		$movements = array();
		foreach ( array_slice( $account->movements, 0, 1000 ) as $each ) {
			$movements[] = array(
				'customer' => $account->email,
				'reserve'  => $account->reserve,
				'points'   => (int) $each['points'],
				'kind'     => (string) $each['kind'],
				'reason'   => (string) $each['reason'],
				'ref'      => (string) $each['ref'],
				'at'       => (string) $each['at'],
				'done'     => true,
			);
		}
		return Client::call( 'POST', '/movements', array( 'movements' => $movements, 'on_error' => 'continue' ), $seconds );
	}

	private static function record( Account $account, string $ref, int $points, string $kind, string $reason, float $seconds ): Answer {
		$body = array(
			'customer' => $account->email,
			'reserve'  => $account->reserve,
			'points'   => $points,
			'kind'     => $kind,
			'reason'   => $reason,
			'ref'      => $ref,
			'done'     => true,
		);
		return Client::call( 'POST', '/movements', $body, $seconds );
	}

	private static function hold_minutes(): int {
		$unpaid = (int) get_option( 'woocommerce_hold_stock_minutes' );
		return min( max( self::HOLD_MINUTES, $unpaid + 15 ), self::MAX_HOLD_MINUTES );
	}
}

<?php

namespace PointSync\Spending;

/**
 * How many points an order should have taken at this moment. Pure.
 */
final class Target {

	/** The order waits for its payment: a hold stays as it is. */
	const OPEN = 'open';
	/** The goods are paid, or promised: the points are taken. */
	const PAID = 'paid';
	/** The order is off: nothing is held, and what was taken goes back. */
	const OFF = 'off';

	/** @var string one of the three */
	public $phase;
	/** @var int the points that should be taken, all in all */
	public $points;

	public function __construct( string $phase, int $points ) {
		$this->phase  = $phase;
		$this->points = $points;
	}

	/**
	 * @param string $status   of the order, without `wc-`; empty if the order is gone
	 * @param int    $points   that the order uses; 0 if the points were taken off it
	 * @param float  $share    the part of the goods that was refunded, from 0 to 1
	 * @param int    $returned by hand, in addition
	 */
	public static function of( string $status, int $points, float $share, int $returned ): self {
		$phase = self::phase_of( $status );
		if ( self::OFF === $phase || 0 === $points ) {
			return new self( self::OFF, 0 );
		}
		return new self( $phase, max( 0, $points - Share::of_points( $points, $share ) - $returned ) );
	}

	/** Statuses of the shop's own, such as *picked up*, count as paid. */
	private static function phase_of( string $status ): string {
		if ( in_array( $status, array( 'pending', 'checkout-draft' ), true ) ) {
			return self::OPEN;
		}
		$off = array( '', 'cancelled', 'failed', 'refunded', 'trash', 'auto-draft', 'draft' );
		return in_array( $status, $off, true ) ? self::OFF : self::PAID;
	}
}

<?php

namespace PointSync\Cart;

/**
 * How points pay: what a point is worth, and how many may be used. Pure; amounts are units as in `Money`.
 */
final class Rules {

	/** A point's value is stored in millionths of the currency. */
	const VALUE_DECIMALS = 6;

	/** @var int what a point is worth, in millionths of the currency; 0: points cannot be spent */
	private $value;
	/** @var int the decimals of the currency's prices */
	private $decimals;
	/** @var int the fewest points that an order may use */
	private $minimum;
	/** @var int the most points that an order may use; 0: no limit */
	private $maximum;
	/** @var int the highest part of the goods that points may pay, in percent */
	private $percent;
	/** @var int points are used in multiples of this */
	private $step;

	public function __construct( string $value, int $decimals, int $minimum = 0, int $maximum = 0, int $percent = 100, int $step = 1 ) {
		$this->value    = (int) Money::to_units( $value, self::VALUE_DECIMALS );
		$this->decimals = min( max( $decimals, 0 ), Money::MAX_DECIMALS );
		$this->minimum  = max( $minimum, 0 );
		$this->maximum  = max( $maximum, 0 );
		$this->percent  = min( max( $percent, 1 ), 100 );
		$this->step     = max( $step, 1 );
	}

	/** Whether points can be spent at all. */
	public function allow_spending(): bool {
		return $this->value > 0;
	}

	/** What these points pay, rounded down. */
	public function amount_of( int $points ): int {
		$per_unit = 10 ** ( self::VALUE_DECIMALS - $this->decimals );
		// In two parts, since the product of many points and a high value may not fit into a number.
		$whole = intdiv( $this->value, $per_unit );
		$rest  = $this->value % $per_unit;
		return $points * $whole + intdiv( $points * $rest, $per_unit );
	}

	/** The fewest points that pay this amount. */
	public function points_for( int $amount ): int {
		if ( $this->value <= 0 || $amount <= 0 ) {
			return 0;
		}
		$per_unit = 10 ** ( self::VALUE_DECIMALS - $this->decimals );
		$points   = intdiv( $amount * $per_unit, $this->value );
		while ( $this->amount_of( $points ) < $amount ) {
			++$points;
		}
		return $points;
	}

	/** The most points that a customer with `$free` points can use for goods of this amount; 0 if none. */
	public function most( int $free, int $goods ): int {
		if ( ! $this->allow_spending() || $free <= 0 || $goods <= 0 ) {
			return 0;
		}
		$limit  = intdiv( $goods * $this->percent, 100 );
		$points = $this->points_for( $limit );
		if ( $this->amount_of( $points ) > $limit ) {
			--$points;
		}
		$points = min( $points, $free, $this->maximum > 0 ? $this->maximum : $points );
		$points = $points - $points % $this->step;
		return $points >= max( $this->minimum, 1 ) ? $points : 0;
	}

	/** The points to use if the customer wants `$wanted` and may use `$most`: a multiple of the step; 0 if too few. */
	public function fit( int $wanted, int $most ): int {
		$points = max( 0, min( $wanted, $most ) );
		$points = $points - $points % $this->step;
		return $points >= max( $this->minimum, 1 ) ? $points : 0;
	}

	/** @return array{minimum: int, maximum: int, percent: int, step: int} */
	public function limits(): array {
		return array(
			'minimum' => $this->minimum,
			'maximum' => $this->maximum,
			'percent' => $this->percent,
			'step'    => $this->step,
		);
	}
}

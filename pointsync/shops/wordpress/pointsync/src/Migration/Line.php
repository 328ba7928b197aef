<?php

namespace PointSync\Migration;

use PointSync\Feed\Address;

/**
 * What one person had in the other program, as it was read: checked, and put aside with a reason if it is doubtful. Pure.
 */
final class Line {

	const NEW      = 'new';
	const DOUBTFUL = 'doubtful';
	const EMPTY    = 'empty';

	/** Why a line is doubtful. */
	const NO_ADDRESS = 'no_address';
	const NO_NUMBER  = 'no_number';
	const AMBIGUOUS  = 'ambiguous';
	const BELOW_ZERO = 'below_zero';
	const TOO_MANY   = 'too_many';
	const TWICE      = 'twice';

	const MAX_POINTS = 2000000000;

	/** @var string where it is from, such as `12` for the account 12 or the line 12 */
	public $place;
	/** @var string the address as it was read */
	public $email;
	/** @var string the address as addresses are compared */
	public $customer;
	/** @var string the key of a points reserve */
	public $reserve;
	/** @var int */
	public $points = 0;
	/** @var string one of the states above */
	public $state = self::NEW;
	/** @var string one of the reasons above, or empty */
	public $reason = '';

	public function __construct( string $place, string $email, string $points, string $reserve ) {
		$this->place    = substr( $place, 0, 40 );
		$this->email    = substr( trim( $email ), 0, Address::MAX_LENGTH );
		$this->customer = Address::key( $email );
		$this->reserve  = substr( trim( $reserve ), 0, 64 );
		$this->check( trim( $points ), trim( $email ) );
	}

	private function check( string $points, string $email ): void {
		$number = self::read_number( $points );
		if ( ! is_int( $number ) ) {
			$this->doubt( $number );
			return;
		}
		$this->points = $number;
		if ( 0 === $number ) {
			$this->state = self::EMPTY;
		} elseif ( strlen( $email ) > Address::MAX_LENGTH || 1 !== preg_match( '/^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+$/u', $email ) ) {
			$this->doubt( self::NO_ADDRESS );
		} elseif ( $number < 0 ) {
			$this->doubt( self::BELOW_ZERO );
		} elseif ( $number > self::MAX_POINTS ) {
			$this->doubt( self::TOO_MANY );
		}
	}

	private function doubt( string $reason ): void {
		$this->state  = self::DOUBTFUL;
		$this->reason = $reason;
	}

	/**
	 * A whole number, or why it is none. `50`, `50.00` and `50,0` are 50; `1.000` may be a thousand or a one.
	 *
	 * @return int|string
	 */
	private static function read_number( string $text ) {
		$text = str_replace( array( '−', '+' ), array( '-', '' ), $text );
		if ( 1 === preg_match( '/^-?\d{1,15}(?:[.,]0{0,2})?$/', $text ) ) {
			return (int) $text;
		}
		return 1 === preg_match( '/^-?\d{1,3}(?:[.,\' \x{00a0}\x{202f}]\d{3})+$/u', $text ) ? self::AMBIGUOUS : self::NO_NUMBER;
	}
}

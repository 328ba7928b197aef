<?php

namespace PointSync\Storage;

/**
 * Lets one request at a time do something. If it is killed, the lease ends by itself.
 */
final class Lease {

	/** @var string */
	private $name;
	/** @var string what this request has written; empty while it does not hold the lease */
	private $own = '';

	public function __construct( string $name ) {
		$this->name = 'lease.' . $name;
	}

	/** Take it, or keep it longer, for so many seconds; whether that worked. */
	public function take( int $seconds ): bool {
		$stored = Values::get( $this->name );
		if ( null !== $stored && $stored !== $this->own && (int) $stored > time() ) {
			return false;
		}
		$own = ( time() + $seconds ) . ':' . bin2hex( random_bytes( 6 ) );
		if ( ! Values::replace( $this->name, $stored, $own ) ) {
			return false;
		}
		$this->own = $own;
		return true;
	}

	public function release(): void {
		if ( '' !== $this->own ) {
			Values::replace( $this->name, $this->own, '0:' );
			$this->own = '';
		}
	}
}

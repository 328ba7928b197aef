<?php

namespace PointSync\Privacy;

use PointSync\Feed\Address;

/**
 * An address that is to be forgotten, and until when: what is dated later belongs to somebody else. Pure.
 */
final class Subject {

	/** What texts have in place of the address. */
	const REPLACEMENT = '(erased)';

	/** @var string as it is stored in this plugin's tables */
	public $address;
	/** @var string UTC, `Y-m-d H:i:s`; empty: everything is to be forgotten */
	public $until;

	public function __construct( string $address, string $until = '' ) {
		$this->address = Address::key( $address );
		$this->until   = $until;
	}

	/** From an answer of PointSync, such as `2026-12-01T09:00:00.214Z`. */
	public static function until( string $address, string $time ): self {
		$at = strtotime( $time );
		return new self( $address, gmdate( 'Y-m-d H:i:s', false === $at ? time() : $at ) );
	}

	/** Whether something of this time (UTC, `Y-m-d H:i:s`) is to be forgotten. */
	public function covers( string $time ): bool {
		return '' === $this->until || strcmp( $time, $this->until ) <= 0;
	}

	/**
	 * The ways in which texts write the address: as it is, in a URL, and in JSON.
	 *
	 * @return string[]
	 */
	public function spellings(): array {
		$json = substr( (string) json_encode( $this->address ), 1, -1 );
		return array_values( array_unique( array( $this->address, rawurlencode( $this->address ), $json, str_replace( '@', '%40', $this->address ) ) ) );
	}

	/** The text without the address. A longer address that only ends or begins with it is another one. */
	public function remove_from( string $text ): string {
		$patterns = array_map( static fn( string $each ): string => preg_quote( $each, '~' ), $this->spellings() );
		$pattern  = '~(?<![\w.+-])(?:' . implode( '|', $patterns ) . ')(?![\w-]|\.\w)~iu';
		$cleaned  = preg_replace( $pattern, self::REPLACEMENT, $text );
		return null === $cleaned ? str_ireplace( $this->spellings(), self::REPLACEMENT, $text ) : $cleaned;
	}

	/** Whether a text names the address. */
	public function is_in( string $text ): bool {
		return $this->remove_from( $text ) !== $text;
	}
}

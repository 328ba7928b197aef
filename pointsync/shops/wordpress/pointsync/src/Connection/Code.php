<?php

namespace PointSync\Connection;

/**
 * A connection code: one line of text, `psc1.` and the base64url of `{"u": URL of PointSync, "c": code}`.
 */
final class Code {

	const PREFIX     = 'psc1.';
	const MAX_LENGTH = 2000;

	/** @var string */
	public $url;
	/** @var string */
	public $code;

	private function __construct( string $url, string $code ) {
		$this->url  = $url;
		$this->code = $code;
	}

	/** The parts of a code as it was pasted, or null if it is none. Spaces and line breaks in it do no harm. */
	public static function parse( string $text ): ?self {
		$text = (string) preg_replace( '/\s+/', '', $text );
		if ( strlen( $text ) > self::MAX_LENGTH || strncmp( $text, self::PREFIX, strlen( self::PREFIX ) ) !== 0 ) {
			return null;
		}
		$json  = base64_decode( strtr( substr( $text, strlen( self::PREFIX ) ), '-_', '+/' ), true );
		$parts = false === $json ? null : json_decode( $json, true );
		if ( ! is_array( $parts ) || ! isset( $parts['u'], $parts['c'] ) || ! is_string( $parts['u'] ) || ! is_string( $parts['c'] ) ) {
			return null;
		}
		$is_url = 1 === preg_match( '~^https?://[^\s/?#]+(/[^\s?#]*)?$~i', $parts['u'] );
		return $is_url && '' !== $parts['c'] ? new self( rtrim( $parts['u'], '/' ), $parts['c'] ) : null;
	}
}

<?php

namespace PointSync\Connection;

/**
 * The address of a shop as a place: all ways of writing it are the same text. PointSync compares them like this too.
 */
final class Place {

	/**
	 * Such as `shop.example/fr`: without the scheme, which changes when a shop gets a certificate, a default port and
	 * a slash at the end; the host in lower case. Empty if there is no host.
	 */
	public static function of( string $url ): string {
		$text  = trim( $url );
		$parts = parse_url( false === strpos( $text, '://' ) ? '//' . $text : $text );
		if ( ! is_array( $parts ) || ! isset( $parts['host'] ) || '' === $parts['host'] ) {
			return '';
		}
		$host = rtrim( strtolower( $parts['host'] ), '.' );
		if ( function_exists( 'idn_to_ascii' ) && 1 === preg_match( '/[^\x20-\x7e]/', $host ) ) {
			$ascii = idn_to_ascii( $host, IDNA_DEFAULT, INTL_IDNA_VARIANT_UTS46 );
			$host  = false === $ascii ? $host : strtolower( $ascii );
		}
		$port = isset( $parts['port'] ) && ! in_array( $parts['port'], array( 80, 443 ), true ) ? ':' . $parts['port'] : '';
		return $host . $port . rtrim( isset( $parts['path'] ) ? $parts['path'] : '', '/' );
	}

	public static function is_same( string $url, string $other ): bool {
		return $url === $other || self::of( $url ) === self::of( $other );
	}
}

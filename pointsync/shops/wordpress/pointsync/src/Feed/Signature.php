<?php

namespace PointSync\Feed;

/**
 * Checks that a message is from PointSync: its signature is that of Standard Webhooks. Pure.
 */
final class Signature {

	/** How old a message may be, in seconds, so that nobody can repeat it later. */
	const MAX_AGE_SECONDS = 300;

	/**
	 * @param string $secret    `whsec_` and the key in base64
	 * @param string $id        of the header `webhook-id`
	 * @param string $timestamp of the header `webhook-timestamp`, Unix time
	 * @param string $signature of the header `webhook-signature`: one or more, each `v1,` and base64
	 */
	public static function is_valid( string $secret, string $id, string $timestamp, string $body, string $signature, int $now ): bool {
		$key = strncmp( $secret, 'whsec_', 6 ) === 0 ? base64_decode( substr( $secret, 6 ), true ) : false;
		if ( false === $key || '' === $key || '' === $id || 1 !== preg_match( '/^[0-9]{1,12}$/', $timestamp ) ) {
			return false;
		}
		if ( abs( $now - (int) $timestamp ) > self::MAX_AGE_SECONDS ) {
			return false;
		}
		$right = 'v1,' . base64_encode( hash_hmac( 'sha256', $id . '.' . $timestamp . '.' . $body, $key, true ) );
		foreach ( explode( ' ', $signature ) as $each ) {
			if ( hash_equals( $right, $each ) ) {
				return true;
			}
		}
		return false;
	}
}

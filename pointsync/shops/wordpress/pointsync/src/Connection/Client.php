<?php

namespace PointSync\Connection;

/**
 * Calls to PointSync's shop API. The only class that makes outgoing calls.
 */
final class Client {

	const SECONDS        = 10;
	const MAX_BODY_BYTES = 8388608;

	/**
	 * A call with the shop's key, such as `call( 'GET', '/site' )`. It never throws.
	 *
	 * Nothing is sent while the shop is not connected, or while it may be a copy.
	 *
	 * @param string            $path    below `/api/v1`, with percent-encoded parts
	 * @param array<mixed>|null $body    sent as JSON
	 * @param float             $seconds how long to wait at most
	 */
	public static function call( string $method, string $path, ?array $body = null, float $seconds = self::SECONDS ): Answer {
		$key = Key::get();
		if ( '' === $key || '' === Shop::url() ) {
			return new Answer( 0, array(), __( 'This shop is not connected with PointSync.', 'pointsync' ) );
		}
		if ( StagingGuard::is_stopped() ) {
			return new Answer( 0, array(), __( 'This shop may be a copy, so nothing is sent to PointSync.', 'pointsync' ) );
		}
		$answer = self::call_with_key( Shop::url(), $method, $path, $body, $seconds );
		/** Fires after each call with the shop's key. */
		do_action( 'pointsync_answer', $answer );
		return $answer;
	}

	/**
	 * A call with the shop's key that is made also while the shop may be a copy: only to say that it was moved.
	 *
	 * @param array<mixed>|null $body
	 */
	public static function call_with_key( string $url, string $method, string $path, ?array $body, float $seconds = self::SECONDS ): Answer {
		return self::call_at( $url, $method, $path, $body, $seconds, array( 'Authorization' => 'Bearer ' . Key::get() ) );
	}

	/**
	 * A call to the PointSync at this URL.
	 *
	 * @param array<mixed>|null    $body
	 * @param array<string, string> $headers
	 */
	public static function call_at( string $url, string $method, string $path, ?array $body, float $seconds, array $headers = array() ): Answer {
		$headers += array(
			'Accept'         => 'application/json',
			'pointsync-shop' => Shop::id(),
			'pointsync-home' => StagingGuard::current_home(),
		);
		$arguments = array(
			'method'              => $method,
			'timeout'             => $seconds,
			'redirection'         => 0,
			'headers'             => $headers,
			'limit_response_size' => self::MAX_BODY_BYTES,
			'user-agent'          => 'PointSync-WordPress/' . POINTSYNC_VERSION,
		);
		if ( null !== $body ) {
			$json = wp_json_encode( $body );
			if ( false === $json ) {
				return new Answer( 422, array(), __( 'The call could not be written as JSON.', 'pointsync' ) );
			}
			$arguments['body']                    = $json;
			$arguments['headers']['Content-Type'] = 'application/json';
		}
		return self::read( wp_remote_request( untrailingslashit( $url ) . '/api/v1' . $path, $arguments ) );
	}

	/** @param array<string, mixed>|\WP_Error $response */
	private static function read( $response ): Answer {
		if ( is_wp_error( $response ) ) {
			/* translators: %s: why, in the words of WordPress */
			return new Answer( 0, array(), sprintf( __( 'PointSync could not be reached: %s', 'pointsync' ), $response->get_error_message() ) );
		}
		$status = (int) wp_remote_retrieve_response_code( $response );
		$text   = wp_remote_retrieve_body( $response );
		$body   = json_decode( $text, true );
		$after  = max( 0, (int) wp_remote_retrieve_header( $response, 'retry-after' ) );
		if ( 204 === $status ) {
			return new Answer( $status );
		}
		if ( ! is_array( $body ) ) {
			/* translators: %d: an HTTP status such as 200 */
			$problem = sprintf( __( 'Something else than PointSync answered (status %d).', 'pointsync' ), $status );
			return new Answer( $status < 300 ? 0 : $status, array(), $problem, $after );
		}
		return new Answer( $status, $body, '', $after );
	}
}

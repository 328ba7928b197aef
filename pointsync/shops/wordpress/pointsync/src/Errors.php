<?php

namespace PointSync;

use PointSync\Storage\Values;

/**
 * The newest 20 errors, for the state page and for PointSync.
 */
final class Errors {

	const NAME        = 'errors';
	const MAX         = 20;
	const MAX_MESSAGE = 500;

	/** Remember an error. If it repeats the newest one, only its time changes. */
	public static function add( string $code, string $message ): void {
		$errors  = self::all();
		$message = function_exists( 'mb_substr' ) ? mb_substr( $message, 0, self::MAX_MESSAGE ) : substr( $message, 0, self::MAX_MESSAGE );
		$error   = array(
			'code'    => substr( $code, 0, 40 ),
			'message' => $message,
			'at'      => gmdate( 'Y-m-d\TH:i:s\Z' ),
		);
		if ( isset( $errors[0] ) && $errors[0]['code'] === $error['code'] && $errors[0]['message'] === $error['message'] ) {
			array_shift( $errors );
		}
		array_unshift( $errors, $error );
		Values::set_array( self::NAME, array_slice( $errors, 0, self::MAX ) );
	}

	/**
	 * Newest first.
	 *
	 * @return array<int, array{code: string, message: string, at: string}>
	 */
	public static function all(): array {
		return array_values( array_filter( Values::get_array( self::NAME ), 'is_array' ) );
	}

	public static function clear(): void {
		Values::remove( self::NAME );
	}
}

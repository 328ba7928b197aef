<?php

namespace PointSync\Feed;

/**
 * How an e-mail address is stored in this plugin's tables: as PointSync compares addresses.
 */
final class Address {

	const MAX_LENGTH = 191;

	/** Addresses in this domain stand for people whom PointSync has erased. */
	const ERASED_END = '@erased.invalid';

	/** Without surrounding space, in lower case. */
	public static function key( string $email ): string {
		$text = trim( $email );
		$text = function_exists( 'mb_strtolower' ) ? mb_strtolower( $text, 'UTF-8' ) : strtolower( $text );
		return substr( $text, 0, self::MAX_LENGTH );
	}

	/** Whether this stands for a person who was erased. */
	public static function is_erased( string $email ): bool {
		return substr( $email, -strlen( self::ERASED_END ) ) === self::ERASED_END;
	}
}

<?php

namespace PointSync\Admin;

/**
 * A message for the admin's next page, and what they had typed if it was refused.
 */
final class Flash {

	const SECONDS = 120;

	/** @param string $kind `success`, `warning` or `error` */
	public static function set( string $kind, string $message, string $typed = '' ): void {
		set_transient( self::name(), array( $kind, $message, $typed ), self::SECONDS );
	}

	/** Show the message once. What was typed stays readable by `typed()` on this page. */
	public static function show(): void {
		$flash = self::read();
		if ( $flash ) {
			delete_transient( self::name() );
			printf(
				'<div class="notice notice-%1$s" role="%2$s"><p>%3$s</p></div>',
				esc_attr( $flash[0] ),
				'error' === $flash[0] ? 'alert' : 'status',
				esc_html( $flash[1] )
			);
		}
	}

	/** What was typed in the form that was refused. */
	public static function typed(): string {
		$flash = self::read();
		return $flash ? $flash[2] : '';
	}

	/** @return array{0: string, 1: string, 2: string}|null */
	private static function read(): ?array {
		static $flash = false;
		if ( false === $flash ) {
			$stored = get_transient( self::name() );
			$flash  = is_array( $stored ) && 3 === count( $stored ) ? array_map( 'strval', $stored ) : null;
		}
		return $flash;
	}

	private static function name(): string {
		return 'pointsync_flash_' . get_current_user_id();
	}
}

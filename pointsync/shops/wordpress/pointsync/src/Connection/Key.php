<?php

namespace PointSync\Connection;

use PointSync\Storage\Options;

/**
 * The API key of this shop: `POINTSYNC_KEY` in `wp-config.php`, or else an option that is not loaded with each page.
 */
final class Key {

	/** The key; empty if there is none. */
	public static function get(): string {
		return self::is_constant() ? (string) constant( 'POINTSYNC_KEY' ) : Options::get_string( Options::KEY );
	}

	/** Whether `wp-config.php` says the key. Then this plugin cannot change it. */
	public static function is_constant(): bool {
		return defined( 'POINTSYNC_KEY' ) && '' !== (string) constant( 'POINTSYNC_KEY' );
	}

	public static function store( string $key ): void {
		Options::set( Options::KEY, $key );
	}

	public static function forget(): void {
		Options::remove( Options::KEY );
	}
}

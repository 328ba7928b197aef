<?php
/**
 * Loads a class of the plugin when it is first used: `PointSync\Orders\Outbox` is in `src/Orders/Outbox.php`.
 *
 * @package PointSync
 */

spl_autoload_register(
	static function ( string $name ): void {
		if ( strncmp( $name, 'PointSync\\', 10 ) !== 0 ) {
			return;
		}
		$file = __DIR__ . '/' . str_replace( '\\', '/', substr( $name, 10 ) ) . '.php';
		if ( is_file( $file ) ) {
			require_once $file;
		}
	}
);

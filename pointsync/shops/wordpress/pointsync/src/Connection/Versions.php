<?php

namespace PointSync\Connection;

/**
 * The versions that decide what this shop can do.
 */
final class Versions {

	/** @return array{plugin_version: string, wordpress_version: string, woocommerce_version: string, php_version: string} */
	public static function all(): array {
		return array(
			'plugin_version'      => POINTSYNC_VERSION,
			'wordpress_version'   => (string) get_bloginfo( 'version' ),
			'woocommerce_version' => defined( 'WC_VERSION' ) ? (string) WC_VERSION : '',
			'php_version'         => PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION . '.' . PHP_RELEASE_VERSION,
		);
	}
}

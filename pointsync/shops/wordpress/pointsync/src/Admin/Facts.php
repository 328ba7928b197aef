<?php

namespace PointSync\Admin;

use PointSync\Connection\StagingGuard;
use PointSync\Connection\Versions;
use PointSync\Orders\OrderTable;

/**
 * What the plugin has found in this shop, as sentences.
 */
final class Facts {

	/** Other plugins for points, by the file that WordPress knows them by. */
	const POINTS_PLUGINS = array(
		'woorewards/woorewards.php'                                     => 'MyRewards',
		'woocommerce-points-and-rewards/woocommerce-points-and-rewards.php' => 'WooCommerce Points and Rewards',
	);

	/** @return string[] */
	public static function all(): array {
		$versions = Versions::all();
		$facts    = array(
			/* translators: 1: version of WooCommerce, 2: of WordPress, 3: of PHP */
			sprintf( __( 'WooCommerce %1$s, WordPress %2$s, PHP %3$s', 'pointsync' ), $versions['woocommerce_version'], $versions['wordpress_version'], $versions['php_version'] ),
			OrderTable::is_hpos()
				? __( 'Orders are in tables of their own (High-Performance Order Storage).', 'pointsync' )
				: __( 'Orders are stored as posts.', 'pointsync' ),
			/* translators: %s: a URL */
			sprintf( __( 'The address of the shop is %s.', 'pointsync' ), StagingGuard::current_home() ),
		);
		if ( ! wc_coupons_enabled() ) {
			$facts[] = __( 'Coupons are switched off, so customers cannot pay with points. Switch them on under WooCommerce › Settings › General.', 'pointsync' );
		}
		foreach ( self::POINTS_PLUGINS as $file => $name ) {
			if ( in_array( $file, (array) get_option( 'active_plugins', array() ), true ) ) {
				/* translators: %s: name of a plugin */
				$facts[] = sprintf( __( '%s keeps points in this shop, too.', 'pointsync' ), $name );
			}
		}
		if ( ! self::can_send_after_response() ) {
			$facts[] = __( 'The web server cannot go on after a page was sent, so orders are reported by the schedule, within a minute or two.', 'pointsync' );
		}
		if ( defined( 'DISABLE_WP_CRON' ) && DISABLE_WP_CRON ) {
			$facts[] = __( 'WP-Cron is switched off in wp-config.php: a task of the server must call wp-cron.php every minute.', 'pointsync' );
		}
		return $facts;
	}

	public static function can_send_after_response(): bool {
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' );
	}
}

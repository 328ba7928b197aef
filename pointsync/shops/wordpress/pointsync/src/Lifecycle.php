<?php

namespace PointSync;

use PointSync\Storage\Tables;

/**
 * What happens when the plugin is activated, updated, or switched off.
 */
final class Lifecycle {

	public function register(): void {
		add_action( 'init', array( self::class, 'load_texts' ) );
		add_action( 'wp_loaded', array( Tables::class, 'update' ), 1 );
		add_action( 'wp_initialize_site', array( self::class, 'prepare_new_site' ), 100 );
	}

	/** Create the tables, on a network in every site for which the plugin is activated. */
	public static function activate( bool $is_network_wide = false ): void {
		if ( ! $is_network_wide || ! is_multisite() ) {
			Tables::update();
			return;
		}
		self::in_each_site( array( Tables::class, 'update' ) );
	}

	/** Nothing runs any more; what is stored stays. */
	public static function deactivate( bool $is_network_wide = false ): void {
		if ( ! $is_network_wide || ! is_multisite() ) {
			Schedule::clear();
			return;
		}
		self::in_each_site( array( Schedule::class, 'clear' ) );
	}

	/** Run something in each site of the network. */
	public static function in_each_site( callable $run ): void {
		$after = 0;
		do {
			$ids = get_sites( array( 'fields' => 'ids', 'number' => 100, 'offset' => $after ) );
			foreach ( $ids as $id ) {
				switch_to_blog( $id );
				$run();
				restore_current_blog();
			}
			$after += count( $ids );
		} while ( count( $ids ) === 100 );
	}

	/** A site that was added to the network. Its tables are created with its first page, too. */
	public static function prepare_new_site( \WP_Site $site ): void {
		if ( ! is_plugin_active_for_network( plugin_basename( POINTSYNC_FILE ) ) ) {
			return;
		}
		switch_to_blog( (int) $site->blog_id );
		Tables::update();
		restore_current_blog();
	}

	public static function load_texts(): void {
		load_plugin_textdomain( 'pointsync', false, dirname( plugin_basename( POINTSYNC_FILE ) ) . '/languages' );
	}
}

<?php

namespace PointSync\Storage;

/**
 * The plugin's options by name. All names begin with `pointsync_`, and `uninstall.php` removes them.
 *
 * What every page needs is loaded with all other options of WordPress (autoload), at no cost. Secrets and what only
 * the sending needs are not.
 */
final class Options {

	/** Id of this shop, its address, and what is known of its PointSync. Autoloaded; no secrets. */
	const SHOP = 'pointsync_shop';
	/** The API key. */
	const KEY = 'pointsync_key';
	/** The settings of spending and of what customers see. Autoloaded. */
	const SPENDING = 'pointsync_spending';
	/** Whether and which points of MyRewards follow PointSync. Autoloaded. */
	const MYREWARDS = 'pointsync_myrewards';
	/** The version of the tables. Autoloaded. */
	const TABLES = 'pointsync_tables';
	/** What happens to the tables when the plugin is deleted: `keep` or `drop`. */
	const UNINSTALL = 'pointsync_uninstall';

	/** The address of the page in *My account* that WordPress knows. Autoloaded. */
	const ENDPOINT = 'pointsync_endpoint';

	const AUTOLOADED = array( self::SHOP, self::SPENDING, self::MYREWARDS, self::TABLES, self::ENDPOINT );
	const ALL        = array( self::SHOP, self::KEY, self::SPENDING, self::MYREWARDS, self::TABLES, self::UNINSTALL, self::ENDPOINT );

	/**
	 * A list of values by name, empty if nothing is stored.
	 *
	 * @return array<string, mixed>
	 */
	public static function get_array( string $name ): array {
		$value = get_option( $name );
		return is_array( $value ) ? $value : array();
	}

	public static function get_string( string $name ): string {
		$value = get_option( $name );
		return is_string( $value ) ? $value : '';
	}

	/** @param mixed $value */
	public static function set( string $name, $value ): void {
		update_option( $name, $value, in_array( $name, self::AUTOLOADED, true ) );
	}

	public static function remove( string $name ): void {
		delete_option( $name );
	}
}

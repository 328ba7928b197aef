<?php

namespace PointSync\Storage;

/**
 * The plugin's tables, one set for each site of a network. Each step of `STEPS` brings them to the next version and
 * may run again: a request that ends in the middle does no harm.
 */
final class Tables {

	const NAMES = array( 'outbox', 'movement', 'balance', 'value', 'spending', 'myrewards', 'migration' );

	/** The table's whole name, such as `wp_pointsync_outbox`. */
	public static function name( string $noun ): string {
		global $wpdb;
		return $wpdb->prefix . 'pointsync_' . $noun;
	}

	/** Create or change what is missing. It costs nothing when the tables are current. */
	public static function update(): void {
		$steps   = Schema::steps();
		$version = (int) get_option( Options::TABLES );
		if ( $version >= count( $steps ) ) {
			return;
		}
		global $wpdb;
		$is_shown = $wpdb->suppress_errors();
		foreach ( array_slice( $steps, $version, null, true ) as $number => $statements ) {
			foreach ( $statements as $statement ) {
				if ( false === $wpdb->query( $statement ) ) {
					$wpdb->suppress_errors( $is_shown );
					return;
				}
			}
			Options::set( Options::TABLES, $number + 1 );
		}
		$wpdb->suppress_errors( $is_shown );
	}

	/** Whether the tables can be used. */
	public static function are_current(): bool {
		return (int) get_option( Options::TABLES ) >= count( Schema::steps() );
	}

	/** Remove all tables of this site of the network. */
	public static function drop(): void {
		global $wpdb;
		foreach ( self::NAMES as $noun ) {
			$table = self::name( $noun );
			$wpdb->query( "DROP TABLE IF EXISTS {$table}" );
		}
		Options::remove( Options::TABLES );
	}
}

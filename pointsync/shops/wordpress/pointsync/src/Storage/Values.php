<?php

namespace PointSync\Storage;

/**
 * Small values by name in a table of their own: positions, times of attempts, errors.
 *
 * Options of WordPress cannot hold them: their cache would hide what another request has written a moment ago, and
 * they could not change in one transaction with the rows that they belong to.
 */
final class Values {

	/** The value, or null. Read from the database each time. */
	public static function get( string $name ): ?string {
		global $wpdb;
		$table = Tables::name( 'value' );
		// Not `get_var`, which returns null for an empty text.
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT value FROM {$table} WHERE name = %s", $name ) );
		return $row ? (string) $row->value : null;
	}

	public static function get_int( string $name ): int {
		return (int) self::get( $name );
	}

	/** @return array<mixed> what was stored with `set_array`; empty if nothing was */
	public static function get_array( string $name ): array {
		$value = json_decode( (string) self::get( $name ), true );
		return is_array( $value ) ? $value : array();
	}

	public static function set( string $name, string $value ): void {
		global $wpdb;
		$table = Tables::name( 'value' );
		$wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$table} (name, value) VALUES (%s, %s) ON DUPLICATE KEY UPDATE value = VALUES(value)",
				$name,
				$value
			)
		);
	}

	/** @param array<mixed> $value */
	public static function set_array( string $name, array $value ): void {
		self::set( $name, (string) wp_json_encode( $value ) );
	}

	/**
	 * Change the value only if it is still `$from`; whether it was. So of several requests one wins.
	 * `$from` null means: only if there is none.
	 */
	public static function replace( string $name, ?string $from, string $to ): bool {
		global $wpdb;
		$table = Tables::name( 'value' );
		if ( null === $from ) {
			return 1 === $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$table} (name, value) VALUES (%s, %s)", $name, $to ) );
		}
		return 1 === $wpdb->query(
			$wpdb->prepare( "UPDATE {$table} SET value = %s WHERE name = %s AND value = %s", $to, $name, $from )
		);
	}

	public static function remove( string $name ): void {
		global $wpdb;
		$wpdb->delete( Tables::name( 'value' ), array( 'name' => $name ) );
	}
}

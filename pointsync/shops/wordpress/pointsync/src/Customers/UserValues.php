<?php

namespace PointSync\Customers;

/**
 * What this shop remembers of an account. On a network, each site has values of its own.
 */
final class UserValues {

	/** The address that was verified last, as it is stored in this plugin's tables. */
	const VERIFIED = 'pointsync_verified';
	/** When and how: `at`, `how`. */
	const DETAILS = 'pointsync_verified_details';
	/** How PointSync calls the customer, if the verified address is one of several: `of`, `is`. */
	const KNOWN_AS = 'pointsync_known_as';
	/** The link that was mailed, and when mails were sent. */
	const LINK = 'pointsync_link';
	/** When PointSync was asked about the customer, and what expires. */
	const REFRESHED = 'pointsync_refreshed';
	/** MyRewards shows the account the points of its verified address. */
	const MYREWARDS = 'pointsync_myrewards_shown';

	const ALL = array( self::VERIFIED, self::DETAILS, self::KNOWN_AS, self::LINK, self::REFRESHED, self::MYREWARDS );

	/** @return mixed null if there is none */
	public static function get( int $user_id, string $name ) {
		$value = get_user_option( $name, $user_id );
		return false === $value ? null : $value;
	}

	/** @param mixed $value */
	public static function set( int $user_id, string $name, $value ): void {
		update_user_option( $user_id, $name, $value );
	}

	public static function remove( int $user_id, string $name ): void {
		delete_user_option( $user_id, $name );
	}

	/**
	 * The accounts that have this value.
	 *
	 * @return int[]
	 */
	public static function users_with( string $name, string $value ): array {
		global $wpdb;
		$users = get_users(
			array(
				'meta_key'   => $wpdb->get_blog_prefix() . $name,
				'meta_value' => $value,
				'fields'     => 'ids',
				'blog_id'    => 0,
				'number'     => 100,
			)
		);
		return array_map( 'intval', $users );
	}

	/**
	 * What is stored of accounts, where it has this text: the values as they are stored, by account.
	 *
	 * @return array<int, string[]>
	 */
	public static function with_text( string $text ): array {
		global $wpdb;
		$prefix = $wpdb->get_blog_prefix();
		$names  = "'" . implode( "', '", array_map( static fn( string $name ): string => esc_sql( $prefix . $name ), self::ALL ) ) . "'";
		$rows   = $wpdb->get_results(
			$wpdb->prepare( "SELECT user_id, meta_value FROM {$wpdb->usermeta} WHERE meta_key IN ({$names}) AND meta_value LIKE %s", '%' . $wpdb->esc_like( $text ) . '%' )
		);
		$found  = array();
		foreach ( (array) $rows as $row ) {
			$found[ (int) $row->user_id ][] = (string) $row->meta_value;
		}
		return $found;
	}

	/** Remove what is stored of an account. */
	public static function remove_of( int $user_id ): void {
		foreach ( self::ALL as $name ) {
			self::remove( $user_id, $name );
		}
	}

	/** Remove what is stored of all accounts. */
	public static function remove_all(): void {
		global $wpdb;
		foreach ( self::ALL as $name ) {
			delete_metadata( 'user', 0, $wpdb->get_blog_prefix() . $name, '', true );
		}
	}
}

<?php

namespace PointSync\MyRewards;

use PointSync\Customers\UserValues;
use PointSync\Customers\VerifiedAddress;
use PointSync\Feed\Address;

/**
 * Which customer an account of this shop is.
 *
 * An account can have anybody's address. So its own changes belong to its address, like its orders; but MyRewards shows
 * it the customer's points only if this shop has verified the address.
 */
final class Account {

	/** The address whose points the account's changes are; empty if it has none. */
	public static function customer( int $user_id ): string {
		$last = VerifiedAddress::last( $user_id );
		if ( '' !== $last ) {
			return $last;
		}
		$user = get_userdata( $user_id );
		return $user ? Address::key( (string) $user->user_email ) : '';
	}

	/** How the customer whose points it may see is called in this plugin's tables; empty if it may not. */
	public static function known_as( int $user_id ): string {
		return VerifiedAddress::known_as( $user_id );
	}

	/** Whether MyRewards has shown it the points of an address that another account has verified since. */
	public static function has_lost( int $user_id ): bool {
		return null !== UserValues::get( $user_id, UserValues::MYREWARDS ) && '' === VerifiedAddress::last( $user_id );
	}

	/** MyRewards shows it the points of its address now, or nobody's any more. */
	public static function note_shown( int $user_id, bool $is_shown ): void {
		$was_shown = null !== UserValues::get( $user_id, UserValues::MYREWARDS );
		if ( $is_shown && ! $was_shown ) {
			UserValues::set( $user_id, UserValues::MYREWARDS, '1' );
		} elseif ( ! $is_shown && $was_shown ) {
			UserValues::remove( $user_id, UserValues::MYREWARDS );
		}
	}

	/**
	 * The accounts that follow a customer.
	 *
	 * @return int[]
	 */
	public static function of_customer( string $email ): array {
		global $wpdb;
		$email = Address::key( $email );
		$found = array();
		$user  = get_user_by( 'email', $email );
		if ( $user && self::known_as( $user->ID ) === $email ) {
			$found[] = (int) $user->ID;
		}
		$like  = '%' . $wpdb->esc_like( '"' . $email . '"' ) . '%';
		$key   = $wpdb->get_blog_prefix() . UserValues::KNOWN_AS;
		$other = $wpdb->get_col( $wpdb->prepare( "SELECT user_id FROM {$wpdb->usermeta} WHERE meta_key = %s AND meta_value LIKE %s LIMIT 20", $key, $like ) );
		foreach ( array_map( 'intval', $other ) as $id ) {
			if ( self::known_as( $id ) === $email ) {
				$found[] = $id;
			}
		}
		return array_values( array_unique( $found ) );
	}
}

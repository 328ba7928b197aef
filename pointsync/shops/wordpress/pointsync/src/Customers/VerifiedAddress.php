<?php

namespace PointSync\Customers;

use PointSync\Feed\Address;

/**
 * Whether an account of this shop has shown that its e-mail address is its own.
 *
 * WooCommerce lets an account use any address. So a customer sees and spends points only after this shop has verified
 * the address: by a link that was opened while signed in, or by a password that was set with a mailed link. If the
 * account gets another address, that one has to be verified, too.
 */
final class VerifiedAddress {

	const BY_LINK     = 'link';
	const BY_PASSWORD = 'password';

	public function register(): void {
		add_action( 'password_reset', array( self::class, 'of_password' ) );
		add_filter( 'pointsync_order_customer', array( self::class, 'of_order' ), 10, 2 );
	}

	/** The account's address if it is verified, else null. */
	public static function of_user( int $user_id ): ?string {
		$user = $user_id ? get_userdata( $user_id ) : false;
		if ( ! $user ) {
			return null;
		}
		$email = Address::key( $user->user_email );
		return '' !== $email && self::last( $user_id ) === $email ? $email : null;
	}

	/** The address that the account has verified last, also if it has another one now; empty if there is none. */
	public static function last( int $user_id ): string {
		$value = UserValues::get( $user_id, UserValues::VERIFIED );
		return is_string( $value ) ? $value : '';
	}

	/** The name of the customer in this plugin's tables; empty unless the address is verified. */
	public static function known_as( int $user_id ): string {
		$email = self::of_user( $user_id );
		if ( null === $email ) {
			return '';
		}
		$known = UserValues::get( $user_id, UserValues::KNOWN_AS );
		return is_array( $known ) && isset( $known['of'], $known['is'] ) && $known['of'] === $email ? (string) $known['is'] : $email;
	}

	/** PointSync calls the customer by another of their addresses. */
	public static function set_known_as( int $user_id, string $email, string $known_as ): void {
		if ( $email === $known_as ) {
			UserValues::remove( $user_id, UserValues::KNOWN_AS );
			return;
		}
		UserValues::set( $user_id, UserValues::KNOWN_AS, array( 'of' => $email, 'is' => $known_as ) );
	}

	/** The account's present address is its own. If another one was verified before, the customer is renamed. */
	public static function confirm( int $user_id, string $how ): void {
		$user = get_userdata( $user_id );
		if ( ! $user || '' === $user->user_email ) {
			return;
		}
		$email  = Address::key( $user->user_email );
		$before = self::last( $user_id );
		if ( $before === $email ) {
			return;
		}
		self::revoke_others( $email, $user_id );
		UserValues::set( $user_id, UserValues::VERIFIED, $email );
		UserValues::set( $user_id, UserValues::DETAILS, array( 'at' => gmdate( 'c' ), 'how' => $how ) );
		UserValues::remove( $user_id, UserValues::KNOWN_AS );
		if ( '' !== $before ) {
			Rename::request( $user_id, $before, $email );
		}
		Refresh::soon( $user_id );
	}

	/** @param \WP_User $user who has set a password with a link that was sent to their address */
	public static function of_password( $user ): void {
		if ( $user instanceof \WP_User ) {
			clean_user_cache( $user->ID );
			self::confirm( $user->ID, self::BY_PASSWORD );
		}
	}

	/**
	 * An order belongs to the address that its account has verified last: the points of an account whose address has
	 * changed stay together until the new one is verified.
	 *
	 * @param string    $email
	 * @param \WC_Order $order
	 */
	public static function of_order( $email, $order ): string {
		$last = $order->get_customer_id() ? self::last( $order->get_customer_id() ) : '';
		return '' !== $last ? $last : (string) $email;
	}

	/** Who had this address before does not have it any more. */
	private static function revoke_others( string $email, int $user_id ): void {
		foreach ( UserValues::users_with( UserValues::VERIFIED, $email ) as $other ) {
			if ( $other !== $user_id ) {
				UserValues::remove( $other, UserValues::VERIFIED );
				UserValues::remove( $other, UserValues::DETAILS );
			}
		}
	}
}

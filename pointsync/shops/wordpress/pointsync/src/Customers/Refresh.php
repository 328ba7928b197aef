<?php

namespace PointSync\Customers;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Feed\Address;
use PointSync\Feed\Balances;
use PointSync\Feed\Refresh as FeedRefresh;
use PointSync\Schedule;

/**
 * Asks PointSync about one customer, in the background: what the feed does not tell, such as what expires, and by which
 * of several addresses the feed calls the customer.
 */
final class Refresh {

	const HOOK = 'pointsync_refresh_customer';
	const MAX_MINUTES = 60;

	/** @var bool whether this class itself has changed a balance */
	private static $is_running = false;

	public function register(): void {
		add_action( self::HOOK, array( self::class, 'run' ) );
		add_action( 'pointsync_balances_changed', array( self::class, 'of_addresses' ) );
	}

	/** Ask as soon as something runs. */
	public static function soon( int $user_id ): void {
		if ( function_exists( 'as_enqueue_async_action' ) && function_exists( 'as_has_scheduled_action' ) ) {
			if ( ! as_has_scheduled_action( self::HOOK, array( $user_id ), Schedule::GROUP ) ) {
				as_enqueue_async_action( self::HOOK, array( $user_id ), Schedule::GROUP );
			}
		} elseif ( ! wp_next_scheduled( self::HOOK, array( $user_id ) ) ) {
			wp_schedule_single_event( time(), self::HOOK, array( $user_id ) );
		}
	}

	/** Ask if the last answer is old. */
	public static function if_old( int $user_id ): void {
		$known = self::known( $user_id );
		if ( $known['at'] < time() - 60 * self::MAX_MINUTES ) {
			self::soon( $user_id );
		}
	}

	/** @return array{at: int, expiring: array<int, array{day: string, points: int}>} */
	public static function known( int $user_id ): array {
		$known = UserValues::get( $user_id, UserValues::REFRESHED );
		$email = VerifiedAddress::of_user( $user_id );
		if ( ! is_array( $known ) || ! isset( $known['at'], $known['of'], $known['expiring'] ) || $known['of'] !== $email ) {
			return array( 'at' => 0, 'expiring' => array() );
		}
		return array( 'at' => (int) $known['at'], 'expiring' => (array) $known['expiring'] );
	}

	/**
	 * The feed has changed these balances: what expires has, too.
	 *
	 * @param string[] $emails
	 */
	public static function of_addresses( $emails ): void {
		if ( self::$is_running ) {
			return;
		}
		foreach ( array_slice( (array) $emails, 0, 50 ) as $email ) {
			$user = get_user_by( 'email', (string) $email );
			if ( $user && UserValues::get( $user->ID, UserValues::REFRESHED ) ) {
				self::soon( $user->ID );
			}
		}
	}

	/** @param int $user_id */
	public static function run( $user_id ): void {
		$user_id = (int) $user_id;
		$email   = VerifiedAddress::of_user( $user_id );
		if ( null === $email || ! Shop::is_connected() ) {
			return;
		}
		$path     = '/customers/' . rawurlencode( $email );
		$customer = Client::call( 'GET', $path );
		if ( ! $customer->is_success() && 'unknown_customer' !== $customer->code() ) {
			return;
		}
		$known_as = $customer->is_success() && isset( $customer->body['customer'] ) ? Address::key( (string) $customer->body['customer'] ) : $email;
		VerifiedAddress::set_known_as( $user_id, $email, $known_as );
		if ( self::points_in( $customer ) !== Balances::get( $known_as ) ) {
			self::$is_running = true;
			FeedRefresh::customer( $known_as );
			self::$is_running = false;
		}
		$expiring = array();
		if ( $customer->is_success() ) {
			$answer   = Client::call( 'GET', $path . '/expiring?reserve=' . rawurlencode( Shop::reserve() ) );
			$expiring = isset( $answer->body['expiring'] ) && is_array( $answer->body['expiring'] ) ? array_slice( $answer->body['expiring'], 0, 50 ) : array();
		}
		UserValues::set( $user_id, UserValues::REFRESHED, array( 'at' => time(), 'of' => $email, 'expiring' => $expiring ) );
	}

	private static function points_in( Answer $answer ): int {
		foreach ( isset( $answer->body['balances'] ) ? (array) $answer->body['balances'] : array() as $balance ) {
			if ( isset( $balance['reserve'], $balance['points'] ) && Shop::reserve() === $balance['reserve'] ) {
				return (int) $balance['points'];
			}
		}
		return 0;
	}
}

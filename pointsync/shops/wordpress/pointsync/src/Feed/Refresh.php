<?php

namespace PointSync\Feed;

use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Schedule;
use PointSync\Storage\Lease;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Asks PointSync for balances by address. The feed names each customer by one address, so a customer with several, as
 * after a rename or a merge, is known under the others only by asking.
 */
final class Refresh {

	const STATE    = 'refresh.after';
	const LIMIT    = 500;
	const PAGE     = 200;
	const MAX_PAGE = 5;

	public function register(): void {
		add_action( Schedule::DAY, array( self::class, 'begin' ), 20 );
		add_action( Schedule::MINUTE, array( self::class, 'go_on' ), 30 );
	}

	public static function begin(): void {
		Values::set( self::STATE, '' );
	}

	/** Compare the next balances with PointSync's; what differs is stored, with its history. */
	public static function go_on(): void {
		global $wpdb;
		$after = Values::get( self::STATE );
		if ( null === $after || ! Shop::is_connected() ) {
			return;
		}
		$table = Tables::name( 'balance' );
		$rows  = (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT customer, points, generation FROM {$table} WHERE reserve = %s AND customer > %s ORDER BY customer LIMIT %d",
				Shop::reserve(),
				$after,
				self::LIMIT
			)
		);
		$known      = array();
		$generation = Reader::state()['generation'];
		foreach ( $rows as $row ) {
			$known[ $row->customer ] = (int) $row->generation < $generation ? null : (int) $row->points;
		}
		$answer = $known ? Client::call( 'POST', '/balances', array( 'customers' => array_map( 'strval', array_keys( $known ) ) ) ) : null;
		if ( $answer && ! $answer->is_success() ) {
			if ( ! $answer->is_worth_repeating() ) {
				Values::remove( self::STATE );
			}
			return;
		}
		foreach ( $answer ? (array) $answer->body['customers'] : array() as $index => $customer ) {
			$email = (string) array_keys( $known )[ $index ];
			if ( self::points_in( $customer ) !== $known[ $email ] ) {
				self::customer( $email );
			}
		}
		if ( count( $rows ) < self::LIMIT ) {
			Values::remove( self::STATE );
		} else {
			Values::set( self::STATE, (string) array_key_last( $known ) );
		}
	}

	/**
	 * Learn the balance and the history of the customer with this address from PointSync, such as after a rename.
	 * Whether that worked. It takes a second or more, so do not call it while a visitor waits.
	 */
	public static function customer( string $email ): bool {
		$path   = '/customers/' . rawurlencode( $email );
		$answer = Client::call( 'GET', $path );
		if ( 'unknown_customer' === $answer->code() ) {
			self::store( $email, 0, array() );
			return true;
		}
		if ( ! $answer->is_success() ) {
			return false;
		}
		$movements = array();
		$cursor    = '';
		for ( $page = 0; $page < self::MAX_PAGE; $page++ ) {
			$query  = array(
				'limit'   => self::PAGE,
				'reserve' => rawurlencode( Shop::reserve() ),
			);
			$query += '' === $cursor ? array() : array( 'cursor' => rawurlencode( $cursor ) );
			$list   = Client::call( 'GET', add_query_arg( $query, $path . '/movements' ) );
			if ( ! $list->is_success() || ! isset( $list->body['movements'] ) ) {
				return false;
			}
			$movements = array_merge( $movements, $list->body['movements'] );
			$cursor    = isset( $list->body['next'] ) ? (string) $list->body['next'] : '';
			if ( '' === $cursor ) {
				break;
			}
		}
		self::store( $email, self::points_in( $answer->body ), array_reverse( $movements ) );
		return true;
	}

	/**
	 * @param array<int, array<string, mixed>> $movements oldest first
	 */
	private static function store( string $email, int $points, array $movements ): void {
		global $wpdb;
		$lease = new Lease( 'feed' );
		$lease->take( Reader::LEASE_SECONDS );
		$generation = Reader::state()['generation'];
		$wpdb->query( 'START TRANSACTION' );
		foreach ( $movements as $movement ) {
			Movements::store( array( 'customer' => $email ) + $movement, $generation );
		}
		Balances::set( $email, Shop::reserve(), $points, $generation );
		$wpdb->query( 'COMMIT' );
		$lease->release();
		do_action( 'pointsync_balances_changed', array( $email ) );
	}

	/** @param mixed $customer as PointSync prints it, with `balances` */
	private static function points_in( $customer ): int {
		foreach ( isset( $customer['balances'] ) && is_array( $customer['balances'] ) ? $customer['balances'] : array() as $balance ) {
			if ( isset( $balance['reserve'], $balance['points'] ) && Shop::reserve() === $balance['reserve'] ) {
				return (int) $balance['points'];
			}
		}
		return 0;
	}
}

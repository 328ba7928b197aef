<?php

namespace PointSync\Privacy;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Customers\UserValues;
use PointSync\Schedule;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Forgets whom PointSync has erased. It cannot say who that was, since it does not know the address any more; so this
 * shop asks about all addresses that it stores. It does so when PointSync says that somebody was erased, and every day,
 * since a restored database may have brought somebody back.
 */
final class ErasedPeople {

	/** The number of erased addresses at PointSync when all were asked about the last time. */
	const KNOWN = 'erased.known';
	/** The same for the search that goes on, and the last address that it has asked about. */
	const SEEN  = 'erased.seen';
	const AFTER = 'erased.after';
	const LIMIT = 500;
	const SECONDS = 15.0;

	public function register(): void {
		add_action( 'pointsync_state_answered', array( self::class, 'notice' ) );
		add_action( 'pointsync_disconnected', array( self::class, 'forget' ) );
		add_action( Schedule::DAY, array( self::class, 'begin' ) );
		add_action( Schedule::MINUTE, array( self::class, 'run' ), 50 );
	}

	/** PointSync has answered to the report of this shop's state. */
	public static function notice( Answer $answer ): void {
		$count = isset( $answer->body['erased_addresses'] ) ? (string) (int) $answer->body['erased_addresses'] : null;
		if ( null === $count || Values::get_int( self::KNOWN ) === (int) $count ) {
			return;
		}
		Values::set( self::SEEN, $count );
		Values::set( self::AFTER, '' );
	}

	/** Ask about all addresses once more, if anybody was ever erased. */
	public static function begin(): void {
		if ( Values::get_int( self::KNOWN ) > 0 ) {
			Values::set( self::AFTER, '' );
		}
	}

	/** The next PointSync counts anew. */
	public static function forget(): void {
		foreach ( array( self::KNOWN, self::SEEN, self::AFTER ) as $name ) {
			Values::remove( $name );
		}
	}

	/** Go on with the search, for some seconds. */
	public static function run(): void {
		if ( ! Shop::is_connected() || ! Tables::are_current() ) {
			return;
		}
		$until = microtime( true ) + self::SECONDS;
		while ( microtime( true ) < $until && self::go_on() ) {
			continue;
		}
	}

	/** Ask about the next addresses; whether there may be more. */
	private static function go_on(): bool {
		$after = Values::get( self::AFTER );
		if ( null === $after ) {
			return false;
		}
		$addresses = self::addresses( $after );
		if ( $addresses && ! self::ask( $addresses ) ) {
			return false;
		}
		if ( count( $addresses ) === self::LIMIT ) {
			Values::set( self::AFTER, (string) end( $addresses ) );
			return true;
		}
		Values::remove( self::AFTER );
		$seen = Values::get( self::SEEN );
		if ( null !== $seen ) {
			Values::set( self::KNOWN, $seen );
			Values::remove( self::SEEN );
		}
		return false;
	}

	/** @param string[] $addresses */
	private static function ask( array $addresses ): bool {
		$answer = Client::call( 'POST', '/customers/erased', array( 'customers' => $addresses ) );
		if ( 404 === $answer->status || 405 === $answer->status ) {  // an earlier version of PointSync
			Values::remove( self::AFTER );
			return false;
		}
		if ( ! $answer->is_success() || ! isset( $answer->body['erased'] ) ) {
			return false;
		}
		foreach ( (array) $answer->body['erased'] as $each ) {
			$subject = Subject::until( (string) $each['customer'], (string) $each['until'] );
			LocalData::forget_rows( $subject );
			LocalData::clean_texts( $subject );
		}
		return true;
	}

	/**
	 * The next addresses that this plugin stores.
	 *
	 * @return string[]
	 */
	private static function addresses( string $after ): array {
		global $wpdb;
		$sources = array();
		$columns = array( 'balance' => 'customer', 'movement' => 'customer', 'spending' => 'email', 'migration' => 'customer' );
		foreach ( $columns as $noun => $column ) {
			$table     = Tables::name( $noun );
			$sources[] = $wpdb->prepare( "(SELECT DISTINCT {$column} AS address FROM {$table} WHERE {$column} > %s ORDER BY {$column} LIMIT %d)", $after, self::LIMIT );
		}
		// In the order of the plugin's own columns, which compare bytes.
		$verified  = 'CONVERT(meta_value USING utf8mb4) COLLATE utf8mb4_bin';
		$sources[] = $wpdb->prepare(
			"(SELECT DISTINCT {$verified} AS address FROM {$wpdb->usermeta} WHERE meta_key = %s AND {$verified} > %s ORDER BY address LIMIT %d)",
			$wpdb->get_blog_prefix() . UserValues::VERIFIED,
			$after,
			self::LIMIT
		);
		$list = implode( ' UNION ', $sources );
		return array_map( 'strval', $wpdb->get_col( $wpdb->prepare( "{$list} ORDER BY address LIMIT %d", self::LIMIT ) ) );
	}
}

<?php

namespace PointSync\Feed;

use PointSync\Connection\Shop;
use PointSync\Storage\Tables;

/**
 * The movements that the feed has told: a table of this shop, for the histories of its customers.
 */
final class Movements {

	/**
	 * The newest movements of a customer in this shop's reserve, newest first. Each has `kind`, `points`, `balance`,
	 * `reason`, `at` (UTC, `Y-m-d H:i:s`), `origin`, `ref`.
	 *
	 * @return object[]
	 */
	public static function of_customer( string $email, int $limit, int $offset = 0 ): array {
		global $wpdb;
		$table = Tables::name( 'movement' );
		return (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT * FROM {$table} WHERE customer = %s AND reserve = %s ORDER BY id DESC LIMIT %d OFFSET %d",
				Address::key( $email ),
				Shop::reserve(),
				$limit,
				$offset
			)
		);
	}

	/** How many movements of the customer are known in this shop's reserve. */
	public static function count_of_customer( string $email ): int {
		global $wpdb;
		$table = Tables::name( 'movement' );
		return (int) $wpdb->get_var(
			$wpdb->prepare( "SELECT COUNT(*) FROM {$table} WHERE customer = %s AND reserve = %s", Address::key( $email ), Shop::reserve() )
		);
	}

	/**
	 * Store a movement of the feed; one that is known already only gets the generation.
	 *
	 * @param array<string, mixed> $movement
	 */
	public static function store( array $movement, int $generation ): void {
		global $wpdb;
		$table = Tables::name( 'movement' );
		$wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$table} (origin, movement_id, customer, reserve, kind, points, balance, reason, ref, at, recorded_at, generation)
				VALUES (%s, %s, %s, %s, %s, %d, %d, %s, %s, %s, %s, %d)
				ON DUPLICATE KEY UPDATE balance = VALUES(balance), generation = VALUES(generation)",
				(string) $movement['origin'],
				(string) $movement['id'],
				Address::key( (string) $movement['customer'] ),
				(string) $movement['reserve'],
				(string) $movement['kind'],
				(int) $movement['points'],
				(int) $movement['balance'],
				self::text( $movement, 'reason', 500 ),
				self::text( $movement, 'ref', 191 ),
				self::time( $movement, 'at' ),
				self::time( $movement, 'recorded_at' ),
				$generation
			)
		);
		/**
		 * PointSync has told a movement: the balance that follows in the same transaction has it.
		 *
		 * @param array<string, mixed> $movement
		 * @param int                  $generation of the feed
		 */
		do_action( 'pointsync_movement_stored', $movement, $generation );
	}

	/** Delete what PointSync does not know any more. */
	public static function forget_before( int $generation ): void {
		global $wpdb;
		$table = Tables::name( 'movement' );
		do {
			$count = $wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE generation < %d LIMIT 5000", $generation ) );
		} while ( 5000 === $count );
	}

	/** @param array<string, mixed> $movement */
	private static function text( array $movement, string $name, int $length ): string {
		$text = isset( $movement[ $name ] ) ? (string) $movement[ $name ] : '';
		return function_exists( 'mb_substr' ) ? mb_substr( $text, 0, $length ) : substr( $text, 0, $length );
	}

	/** @param array<string, mixed> $movement */
	private static function time( array $movement, string $name ): string {
		$at = isset( $movement[ $name ] ) ? strtotime( (string) $movement[ $name ] ) : false;
		return gmdate( 'Y-m-d H:i:s', false === $at ? time() : $at );
	}
}

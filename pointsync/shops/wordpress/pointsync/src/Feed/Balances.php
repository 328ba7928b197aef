<?php

namespace PointSync\Feed;

use PointSync\Connection\Shop;
use PointSync\Storage\Tables;

/**
 * The customers' balances as the feed has told them last: a table of this shop, so that no page asks PointSync.
 */
final class Balances {

	/** The customer's points in this shop's reserve; null if nothing is known of the customer. */
	public static function get( string $email ): ?int {
		global $wpdb;
		$table  = Tables::name( 'balance' );
		$points = $wpdb->get_var(
			$wpdb->prepare( "SELECT points FROM {$table} WHERE customer = %s AND reserve = %s", Address::key( $email ), Shop::reserve() )
		);
		return null === $points ? null : (int) $points;
	}

	/** The feed says that the customer has so many points now. */
	public static function set( string $email, string $reserve, int $points, int $generation ): void {
		global $wpdb;
		$table = Tables::name( 'balance' );
		$wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$table} (customer, reserve, points, generation, changed_at) VALUES (%s, %s, %d, %d, %s)
				ON DUPLICATE KEY UPDATE points = VALUES(points), generation = VALUES(generation), changed_at = VALUES(changed_at)",
				Address::key( $email ),
				$reserve,
				$points,
				$generation,
				gmdate( 'Y-m-d H:i:s' )
			)
		);
	}

	/**
	 * The end of the feed was reached: each balance is that of the customer's last movement of this generation.
	 *
	 * Customers without one are left to `Refresh`: they may have another address now, or nothing any more.
	 */
	public static function take_from_movements( string $reserve, int $generation ): void {
		global $wpdb;
		$table    = Tables::name( 'balance' );
		$movement = Tables::name( 'movement' );
		$wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$table} (customer, reserve, points, generation, changed_at)
				SELECT m.customer, m.reserve, m.balance, m.generation, %s FROM {$movement} m
				JOIN (SELECT MAX(id) AS id FROM {$movement} WHERE reserve = %s AND generation = %d GROUP BY customer) last ON last.id = m.id
				ON DUPLICATE KEY UPDATE points = VALUES(points), generation = VALUES(generation), changed_at = VALUES(changed_at)",
				gmdate( 'Y-m-d H:i:s' ),
				$reserve,
				$generation
			)
		);
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE reserve <> %s", $reserve ) );
	}
}

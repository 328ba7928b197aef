<?php

namespace PointSync\Orders;

use Automattic\WooCommerce\Utilities\OrderUtil;
use PointSync\Storage\Tables;

/**
 * Questions about many orders at once, wherever WooCommerce keeps them: in its own tables (HPOS) or as posts.
 */
final class OrderTable {

	public static function is_hpos(): bool {
		return class_exists( OrderUtil::class ) && OrderUtil::custom_orders_table_usage_is_enabled();
	}

	/**
	 * Orders above the id `$after` that were created before `$until` and that the outbox has never heard of.
	 *
	 * @return int[]
	 */
	public static function never_written( int $after, string $until, int $limit ): array {
		return self::ids(
			'o.id > %d AND {created} < %s AND NOT EXISTS (SELECT 1 FROM {outbox} x WHERE x.order_id = o.id)',
			array( $after, $until ),
			$limit
		);
	}

	/**
	 * Orders above the id `$after` that were changed since `$since`, and later than the outbox has heard.
	 *
	 * @return int[]
	 */
	public static function changed_unnoticed( int $after, string $since, int $limit ): array {
		return self::ids(
			'o.id > %d AND {modified} >= %s AND NOT EXISTS (SELECT 1 FROM {outbox} x WHERE x.order_id = o.id AND x.changed_at >= {modified})',
			array( $after, $since ),
			$limit
		);
	}

	/**
	 * Orders above the id `$after` that were changed since `$since`.
	 *
	 * @return int[]
	 */
	public static function changed_since( int $after, string $since, int $limit ): array {
		return self::ids( 'o.id > %d AND {modified} >= %s', array( $after, $since ), $limit );
	}

	/**
	 * Orders that the outbox knows and WooCommerce does not, and that were not reported as deleted.
	 *
	 * @return int[]
	 */
	public static function deleted_unnoticed( int $after, int $limit ): array {
		global $wpdb;
		$names = self::names();
		return array_map(
			'intval',
			$wpdb->get_col(
				$wpdb->prepare(
					"SELECT x.order_id FROM {$names['outbox']} x LEFT JOIN {$names['orders']} o ON o.id = x.order_id
					WHERE x.kind = 'order' AND x.order_id > %d AND o.id IS NULL
					GROUP BY x.order_id HAVING SUM(x.path = 'deleted' OR x.state = 'waiting') = 0
					ORDER BY x.order_id LIMIT %d",
					$after,
					$limit
				)
			)
		);
	}

	/** The highest id of an order that was created before `$until`; where orders are posts, of any post. */
	public static function highest_id( string $until ): int {
		global $wpdb;
		$names = self::names();
		return (int) $wpdb->get_var(
			$wpdb->prepare( "SELECT o.id FROM {$names['orders']} o WHERE {$names['created']} < %s ORDER BY o.id DESC LIMIT 1", $until )
		);
	}

	/**
	 * @param array<int, int|string> $values
	 * @return int[]
	 */
	private static function ids( string $condition, array $values, int $limit ): array {
		global $wpdb;
		$names     = self::names();
		$condition = str_replace( array( '{created}', '{modified}', '{outbox}' ), array( $names['created'], $names['modified'], $names['outbox'] ), $condition );
		$drafts    = "'" . implode( "','", array_merge( Recorder::DRAFTS, array( 'wc-checkout-draft' ) ) ) . "'";
		$query     = "SELECT o.id FROM {$names['orders']} o WHERE {$names['type']} = 'shop_order' AND {$names['status']} NOT IN ({$drafts}) AND {$condition} ORDER BY o.id LIMIT %d";
		return array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $query, array_merge( $values, array( $limit ) ) ) ) );
	}

	/** @return array{orders: string, outbox: string, type: string, status: string, created: string, modified: string} */
	private static function names(): array {
		global $wpdb;
		if ( self::is_hpos() ) {
			return array(
				'orders'   => $wpdb->prefix . 'wc_orders',
				'outbox'   => Tables::name( 'outbox' ),
				'type'     => 'o.type',
				'status'   => 'o.status',
				'created'  => 'o.date_created_gmt',
				'modified' => 'o.date_updated_gmt',
			);
		}
		return array(
			'orders'   => $wpdb->posts,
			'outbox'   => Tables::name( 'outbox' ),
			'type'     => 'o.post_type',
			'status'   => 'o.post_status',
			'created'  => 'o.post_date_gmt',
			'modified' => 'o.post_modified_gmt',
		);
	}
}

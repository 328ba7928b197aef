<?php

namespace PointSync\Migration;

/**
 * The balances of *WooCommerce Points and Rewards*: for each account, the sum of what is left of each of its gains.
 */
final class PointsAndRewardsSource implements Source {

	/** @var string */
	private $reserve;

	public function __construct( string $reserve ) {
		$this->reserve = $reserve;
	}

	public static function table(): string {
		global $wpdb;
		return $wpdb->prefix . 'wc_points_rewards_user_points';
	}

	public static function is_there(): bool {
		global $wpdb;
		$table = self::table();
		return $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $table ) ) ) === $table;
	}

	public function read( int &$position, int $limit ): array {
		global $wpdb;
		$table = self::table();
		$rows  = (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT p.user_id, SUM(p.points_balance) AS points, MAX(u.user_email) AS user_email FROM {$table} p LEFT JOIN {$wpdb->users} u ON u.ID = p.user_id
				WHERE p.user_id > %d GROUP BY p.user_id ORDER BY p.user_id LIMIT %d",
				$position,
				$limit
			)
		);
		$lines = array();
		foreach ( $rows as $row ) {
			$position = (int) $row->user_id;
			$lines[]  = new Line( (string) $row->user_id, (string) $row->user_email, (string) $row->points, $this->reserve );
		}
		return $lines;
	}
}

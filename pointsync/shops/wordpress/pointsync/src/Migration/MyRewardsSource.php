<?php

namespace PointSync\Migration;

use PointSync\MyRewards\History;
use PointSync\MyRewards\Program;
use PointSync\MyRewards\Taken;

/**
 * The balances of one stack of MyRewards, as they were when the first migration began to record. What MyRewards has
 * changed since then is left to the bridge, so that nothing is missed or counts twice, and a second run finds the same.
 */
final class MyRewardsSource implements Source {

	/** @var string */
	private $stack;
	/** @var string */
	private $reserve;

	public function __construct( string $stack, string $reserve ) {
		$this->stack   = $stack;
		$this->reserve = $reserve;
	}

	public function read( int &$position, int $limit ): array {
		global $wpdb;
		$rows  = (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT m.umeta_id, m.user_id, m.meta_value, u.user_email FROM {$wpdb->usermeta} m LEFT JOIN {$wpdb->users} u ON u.ID = m.user_id
				WHERE m.meta_key = %s AND m.umeta_id > %d ORDER BY m.umeta_id LIMIT %d",
				Program::META_PREFIX . $this->stack,
				$position,
				$limit
			)
		);
		$lines = array();
		foreach ( $rows as $row ) {
			$position = (int) $row->umeta_id;
			$points   = (int) $row->meta_value;
			if ( Taken::has_begun( $this->stack ) ) {
				$points -= History::moved_since( $this->stack, (int) $row->user_id, Taken::state()['before'] );
			}
			$lines[] = new Line( (string) $row->user_id, (string) $row->user_email, (string) $points, $this->reserve );
		}
		return $lines;
	}
}

<?php

namespace PointSync\MyRewards;

use PointSync\Storage\Tables;

/**
 * Reads and writes MyRewards' points in its own tables, since its functions read from caches that another request may
 * have outdated. Writing here fires none of its hooks.
 */
final class History {

	const ROWS = 500;

	/** The highest id of all its rows; 0 if there are none. */
	public static function last_id(): int {
		global $wpdb;
		$table = Program::table();
		return (int) $wpdb->get_var( "SELECT MAX(id) FROM {$table}" );
	}

	/** The highest id of the rows before a time. */
	public static function last_id_before( string $at ): int {
		global $wpdb;
		$table = Program::table();
		return (int) $wpdb->get_var( $wpdb->prepare( "SELECT MAX(id) FROM {$table} WHERE mvt_date < %s", $at ) );
	}

	/**
	 * The rows of a stack that were not taken over, oldest first; of one account, or of all.
	 *
	 * @return Row[]
	 */
	public static function not_taken( string $stack, int $after, int $user_id = 0, int $limit = self::ROWS ): array {
		global $wpdb;
		$table = Program::table();
		$taken = Tables::name( 'myrewards' );
		$only  = $user_id ? $wpdb->prepare( ' AND h.user_id = %d', $user_id ) : '';
		$rows  = $wpdb->get_results(
			$wpdb->prepare(
				"SELECT h.id, h.user_id, h.points_moved, h.new_total, h.mvt_date, h.origin, h.commentar FROM {$table} h
				LEFT JOIN {$taken} t ON t.history_id = h.id
				WHERE h.stack = %s AND h.id > %d AND t.history_id IS NULL AND COALESCE(h.origin, '') <> %s{$only} ORDER BY h.id LIMIT %d",
				$stack,
				$after,
				Row::OWN_ORIGIN,
				$limit
			)
		);
		return array_map( static fn( $row ): Row => new Row( $row ), (array) $rows );
	}

	/** The balance after the account's row before this one; 0 if there is none. */
	public static function total_before( string $stack, int $user_id, int $id ): int {
		global $wpdb;
		$table = Program::table();
		return (int) $wpdb->get_var(
			$wpdb->prepare( "SELECT new_total FROM {$table} WHERE user_id = %d AND stack = %s AND id < %d ORDER BY id DESC LIMIT 1", $user_id, $stack, $id )
		);
	}

	/** What an account's rows after `$after` have moved, this plugin's as well. */
	public static function moved_since( string $stack, int $user_id, int $after ): int {
		global $wpdb;
		$table = Program::table();
		$rows  = (array) $wpdb->get_results(
			$wpdb->prepare( "SELECT id, points_moved, new_total FROM {$table} WHERE user_id = %d AND stack = %s AND id > %d ORDER BY id", $user_id, $stack, $after )
		);
		$moved  = 0;
		$before = $rows ? self::total_before( $stack, $user_id, (int) $rows[0]->id ) : 0;
		foreach ( $rows as $row ) {
			$known  = Row::moved( $row->points_moved );
			$moved += null === $known ? (int) $row->new_total - $before : $known;
			$before = (int) $row->new_total;
		}
		return $moved;
	}

	/**
	 * The account's balance, locked until the transaction ends: who writes it waits. Null if it has none yet.
	 */
	public static function lock_balance( string $stack, int $user_id ): ?int {
		global $wpdb;
		$row = $wpdb->get_row(
			$wpdb->prepare(
				"SELECT meta_value FROM {$wpdb->usermeta} WHERE user_id = %d AND meta_key = %s ORDER BY umeta_id LIMIT 1 FOR UPDATE",
				$user_id,
				Program::META_PREFIX . $stack
			)
		);
		return $row ? (int) $row->meta_value : null;
	}

	/** Set the locked balance, and write the row that explains it; whether that worked. `$balance` is what it was. */
	public static function set_balance( string $stack, int $user_id, ?int $balance, int $points ): bool {
		global $wpdb;
		$key = Program::META_PREFIX . $stack;
		if ( null === $balance ) {
			$is_set = $wpdb->insert( $wpdb->usermeta, array( 'user_id' => $user_id, 'meta_key' => $key, 'meta_value' => (string) $points ), array( '%d', '%s', '%s' ) );
		} else {
			$is_set = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->usermeta} SET meta_value = %s WHERE user_id = %d AND meta_key = %s", (string) $points, $user_id, $key ) );
		}
		return false !== $is_set && false !== $wpdb->insert(
			Program::table(),
			array(
				'user_id'      => $user_id,
				'stack'        => $stack,
				'points_moved' => Row::moved( $points - (int) $balance ),
				'new_total'    => $points,
				'commentar'    => __( 'Points from all shops', 'pointsync' ),
				'origin'       => Row::OWN_ORIGIN,
				'blog_id'      => get_current_blog_id(),
				'mvt_date'     => gmdate( 'Y-m-d H:i:s' ),
			),
			array( '%d', '%s', '%d', '%d', '%s', '%s', '%d', '%s' )
		);
	}

	/** Other requests and the rest of this one read the balance again. */
	public static function forget_cached( int $user_id ): void {
		wp_cache_delete( $user_id, 'user_meta' );
	}

	/**
	 * The next accounts that have points in the stack, or whose address is verified here.
	 *
	 * @return int[] in their order
	 */
	public static function accounts( string $stack, string $verified_key, int $after, int $limit ): array {
		global $wpdb;
		return array_map(
			'intval',
			$wpdb->get_col(
				$wpdb->prepare(
					"SELECT DISTINCT user_id FROM {$wpdb->usermeta} WHERE meta_key IN (%s, %s) AND user_id > %d ORDER BY user_id LIMIT %d",
					Program::META_PREFIX . $stack,
					$verified_key,
					$after,
					$limit
				)
			)
		);
	}
}

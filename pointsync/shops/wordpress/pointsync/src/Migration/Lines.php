<?php

namespace PointSync\Migration;

use PointSync\Storage\Tables;

/**
 * The lines of the present migration: a table of this plugin. It holds addresses, so it is emptied when nobody needs it.
 */
final class Lines {

	const READY    = 'ready';
	const RECORDED = 'recorded';
	const KNOWN    = 'known';
	const REFUSED  = 'refused';

	public static function clear(): void {
		global $wpdb;
		$table = Tables::name( 'migration' );
		$wpdb->query( "DELETE FROM {$table}" );
	}

	/** @param Line[] $lines */
	public static function add( array $lines ): void {
		global $wpdb;
		if ( ! $lines ) {
			return;
		}
		$table  = Tables::name( 'migration' );
		$values = array();
		foreach ( $lines as $line ) {
			$values[] = $wpdb->prepare( '(%s, %s, %s, %s, %d, %s, %s)', $line->place, $line->email, $line->customer, $line->reserve, $line->points, $line->state, $line->reason );
		}
		$list = implode( ', ', $values );
		$wpdb->query( "INSERT INTO {$table} (place, email, customer, reserve, points, state, reason) VALUES {$list}" );
	}

	/** Everybody is read: who is there twice is doubtful, since only the admin knows what that means. */
	public static function find_doubles(): void {
		global $wpdb;
		$table = Tables::name( 'migration' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} l JOIN (SELECT customer, reserve FROM {$table} WHERE state = 'new' GROUP BY customer, reserve HAVING COUNT(*) > 1) d
				ON d.customer = l.customer AND d.reserve = l.reserve SET l.state = %s, l.reason = %s WHERE l.state = 'new'",
				Line::DOUBTFUL,
				Line::TWICE
			)
		);
	}

	/**
	 * The next lines in one of these states, in their order; only those of people with points in PointSync, if wanted.
	 *
	 * @param string[] $states
	 * @return object[]
	 */
	public static function in_states( array $states, int $limit, int $after = 0, bool $has_balance = false ): array {
		global $wpdb;
		$table = Tables::name( 'migration' );
		$list  = "'" . implode( "', '", array_map( 'esc_sql', $states ) ) . "'";
		$only  = $has_balance ? ' AND balance <> 0' : '';
		return (array) $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$table} WHERE state IN ({$list}) AND id > %d{$only} ORDER BY id LIMIT %d", $after, $limit ) );
	}

	public static function settle( int $id, string $state, string $reason, string $message, ?int $balance ): void {
		global $wpdb;
		$table  = Tables::name( 'migration' );
		$number = null === $balance ? 'NULL' : (string) $balance;
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET state = %s, reason = %s, message = %s, balance = {$number} WHERE id = %d",
				$state,
				substr( $reason, 0, 20 ),
				function_exists( 'mb_substr' ) ? mb_substr( $message, 0, 500 ) : substr( $message, 0, 500 ),
				$id
			)
		);
	}

	/**
	 * How many lines are in each state, their points, and how many of them differ from what PointSync has.
	 *
	 * @return array<string, array{lines: int, points: int, other: int}>
	 */
	public static function totals(): array {
		global $wpdb;
		$table  = Tables::name( 'migration' );
		$totals = array();
		foreach ( (array) $wpdb->get_results( "SELECT state, COUNT(*) AS n, SUM(points) AS points, SUM(COALESCE(balance, 0) <> 0) AS other FROM {$table} GROUP BY state" ) as $row ) {
			$totals[ (string) $row->state ] = array(
				'lines'  => (int) $row->n,
				'points' => (int) $row->points,
				'other'  => (int) $row->other,
			);
		}
		return $totals;
	}

	/**
	 * How many lines are doubtful or refused, by reason.
	 *
	 * @return array<string, int>
	 */
	public static function reasons(): array {
		global $wpdb;
		$table   = Tables::name( 'migration' );
		$reasons = array();
		foreach ( (array) $wpdb->get_results( "SELECT reason, COUNT(*) AS n FROM {$table} WHERE state IN ('doubtful', 'refused') GROUP BY reason ORDER BY n DESC" ) as $row ) {
			$reasons[ (string) $row->reason ] = (int) $row->n;
		}
		return $reasons;
	}
}

<?php

namespace PointSync\Orders;

use PointSync\Storage\Tables;

/**
 * What is to be sent to PointSync: a table, written in the request in which something happens.
 *
 * A row of the kind `order` says that an order has changed; what the order is, is read when it is sent. A row of the
 * kind `call` is one call of the shop API, sent as it was written. Rows only ever get inserted by shop pages, so that
 * they cannot deadlock with the sending. `version` grows when the row's order changes again: a row is sent only if it
 * still has the version that was read.
 */
final class Outbox {

	const WAITING = 'waiting';
	const SENT    = 'sent';
	const REFUSED = 'refused';

	const ORDER = 'order';
	const CALL  = 'call';

	const KEPT_DAYS = 90;
	/** Seconds in which only the request that wrote a row sends it, since it often changes the order once more. */
	const OWN_SECONDS = 5;
	const MAX_ANSWER  = 2000;

	const PURGE_ROWS   = 2000;
	const PURGE_ROUNDS = 20;

	/** Write that an order has changed. Returns the row's id; 0 if it could not be written. */
	public static function add_order( int $order_id, string $order_key, int $wait_seconds = self::OWN_SECONDS ): int {
		$reference = 'order:' . $order_id . ':' . substr( $order_key, 0, 60 ) . ':' . bin2hex( random_bytes( 8 ) );
		return self::insert( $reference, self::ORDER, $order_id, '', '', null, $wait_seconds );
	}

	/**
	 * Write a call to be made. The same `$reference` is written once; whether this was the first time.
	 *
	 * When PointSync has answered with success, `pointsync_call_sent` fires; when it has refused it for good,
	 * `pointsync_call_refused`, each with the row and the `Answer`.
	 *
	 * @param array<mixed> $body
	 */
	public static function add_call( string $reference, string $method, string $path, array $body, int $order_id = 0 ): bool {
		return 0 !== self::insert( $reference, self::CALL, $order_id, $method, $path, (string) wp_json_encode( $body ), 0 );
	}

	/** Whether a row with this reference was written, and is still kept. */
	public static function has( string $reference ): bool {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		return null !== $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$table} WHERE reference = %s", $reference ) );
	}

	private static function insert( string $reference, string $kind, int $order_id, string $method, string $path, ?string $body, int $wait_seconds ): int {
		global $wpdb;
		$table    = Tables::name( 'outbox' );
		$now      = gmdate( 'Y-m-d H:i:s' );
		$due_at   = gmdate( 'Y-m-d H:i:s', time() + $wait_seconds );
		$is_shown = $wpdb->suppress_errors();
		$count    = $wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$table} (reference, kind, order_id, method, path, body, state, created_at, changed_at, due_at)
				VALUES (%s, %s, %d, %s, %s, NULLIF(%s, ''), 'waiting', %s, %s, %s)",
				$reference,
				$kind,
				$order_id,
				$method,
				$path,
				(string) $body,
				$now,
				$now,
				$due_at
			)
		);
		$wpdb->suppress_errors( $is_shown );
		return 1 === $count ? (int) $wpdb->insert_id : 0;
	}

	/** The row's order has changed again. */
	public static function touch( int $id ): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET version = version + 1, state = 'waiting', changed_at = %s WHERE id = %d",
				gmdate( 'Y-m-d H:i:s' ),
				$id
			)
		);
	}

	/**
	 * These rows need not wait any longer for the request that wrote them.
	 *
	 * @param int[] $ids
	 */
	public static function make_due( array $ids ): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$list  = implode( ',', array_map( 'intval', $ids ) );
		$wpdb->query( $wpdb->prepare( "UPDATE {$table} SET due_at = %s WHERE id IN ({$list})", gmdate( 'Y-m-d H:i:s' ) ) );
	}

	/**
	 * The rows that are due, oldest first, and those of `$own_ids` even if they are not due yet.
	 *
	 * @param int[] $own_ids
	 * @return object[]
	 */
	public static function due( int $limit, array $own_ids = array() ): array {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$own   = implode( ',', array_map( 'intval', $own_ids ? $own_ids : array( 0 ) ) );
		return (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT * FROM {$table} WHERE state = 'waiting' AND (due_at <= %s OR id IN ({$own})) ORDER BY id LIMIT %d",
				gmdate( 'Y-m-d H:i:s' ),
				$limit
			)
		);
	}

	/**
	 * The waiting rows of the kind `order` of these orders.
	 *
	 * @param int[] $order_ids
	 * @return object[]
	 */
	public static function waiting_of_orders( array $order_ids ): array {
		global $wpdb;
		if ( ! $order_ids ) {
			return array();
		}
		$table = Tables::name( 'outbox' );
		$ids   = implode( ',', array_map( 'intval', $order_ids ) );
		return (array) $wpdb->get_results(
			"SELECT * FROM {$table} WHERE state = 'waiting' AND kind = 'order' AND order_id IN ({$ids}) ORDER BY id LIMIT 5000"
		);
	}

	/** The answer to a row. A row that has changed since it was read keeps waiting. */
	public static function settle( object $row, string $state, int $status, string $answer, ?string $seen_at, string $path = '' ): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET state = %s, status = %d, answer = %s, seen_at = NULLIF(%s, ''), sent_at = %s,
				attempts = attempts + 1, path = IF(%s = '', path, %s) WHERE id = %d AND version = %d",
				$state,
				$status,
				self::shorten( $answer ),
				(string) $seen_at,
				gmdate( 'Y-m-d H:i:s' ),
				$path,
				$path,
				$row->id,
				$row->version
			)
		);
	}

	/**
	 * An attempt to send these rows has failed; they keep waiting.
	 *
	 * @param object[] $rows
	 */
	public static function note_failure( array $rows, int $status, string $message ): void {
		global $wpdb;
		if ( ! $rows ) {
			return;
		}
		$table = Tables::name( 'outbox' );
		$ids   = implode( ',', array_map( static fn( $row ): int => (int) $row->id, $rows ) );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET attempts = attempts + 1, status = %d, answer = %s WHERE state = 'waiting' AND id IN ({$ids})",
				$status,
				self::shorten( $message )
			)
		);
	}

	/** Send again what was sent after `$seen_until`, all if it is null: PointSync has forgotten it. */
	public static function reopen( ?string $seen_until ): int {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		return (int) $wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET state = 'waiting', version = version + 1, due_at = %s WHERE state = 'sent' AND seen_at > %s",
				gmdate( 'Y-m-d H:i:s' ),
				(string) $seen_until
			)
		);
	}

	/** Try refused rows again, all or one. */
	public static function retry_refused( int $id = 0 ): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$only  = $id ? $wpdb->prepare( ' AND id = %d', $id ) : '';
		$wpdb->query( "UPDATE {$table} SET state = 'waiting', version = version + 1 WHERE state = 'refused'{$only}" );
	}

	/**
	 * How many wait and were refused, and since when the oldest waits.
	 *
	 * @return array{waiting: int, refused: int, oldest_at: ?string}
	 */
	public static function summary(): array {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$row   = $wpdb->get_row(
			"SELECT SUM(state = 'waiting') AS waiting, SUM(state = 'refused') AS refused,
			MIN(IF(state = 'waiting', changed_at, NULL)) AS oldest_at FROM {$table} WHERE state IN ('waiting', 'refused')"
		);
		return array(
			'waiting'   => $row ? (int) $row->waiting : 0,
			'refused'   => $row ? (int) $row->refused : 0,
			'oldest_at' => $row && $row->oldest_at ? str_replace( ' ', 'T', $row->oldest_at ) . 'Z' : null,
		);
	}

	/**
	 * The newest rows that were refused.
	 *
	 * @return object[]
	 */
	public static function refused( int $limit ): array {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		return (array) $wpdb->get_results(
			$wpdb->prepare( "SELECT * FROM {$table} WHERE state = 'refused' ORDER BY id DESC LIMIT %d", $limit )
		);
	}

	/**
	 * The rows of one order, newest first.
	 *
	 * @return object[]
	 */
	public static function of_order( int $order_id, int $limit = 50 ): array {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		return (array) $wpdb->get_results(
			$wpdb->prepare( "SELECT * FROM {$table} WHERE order_id = %d ORDER BY id DESC LIMIT %d", $order_id, $limit )
		);
	}

	/**
	 * Delete what was sent more than 90 days ago, and reports of orders that a later one has replaced. By their ids, so
	 * that no shop page waits for it.
	 */
	public static function purge(): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$until = gmdate( 'Y-m-d H:i:s', time() - self::KEPT_DAYS * DAY_IN_SECONDS );
		for ( $round = 0; $round < self::PURGE_ROUNDS; $round++ ) {
			$ids = $wpdb->get_col(
				$wpdb->prepare(
					"SELECT x.id FROM {$table} x WHERE (x.state <> 'waiting' AND x.changed_at < %s) OR (x.state = 'sent' AND x.kind = 'order'
					AND EXISTS (SELECT 1 FROM {$table} y WHERE y.order_id = x.order_id AND y.id > x.id AND y.kind = 'order' AND y.state = 'sent'))
					ORDER BY x.id LIMIT %d",
					$until,
					self::PURGE_ROWS
				)
			);
			if ( ! $ids ) {
				return;
			}
			$list = implode( ',', array_map( 'intval', $ids ) );
			$wpdb->query( "DELETE FROM {$table} WHERE id IN ({$list})" );
		}
	}

	/** Forget everything. Only for a copy of a shop. */
	public static function clear(): void {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$wpdb->query( "DELETE FROM {$table}" );
	}

	private static function shorten( string $text ): string {
		return function_exists( 'mb_substr' ) ? mb_substr( $text, 0, self::MAX_ANSWER ) : substr( $text, 0, self::MAX_ANSWER );
	}
}

<?php

namespace PointSync\Storage;

/**
 * What the tables look like. A released step never changes: add another one.
 */
final class Schema {

	/**
	 * SQL statements, one list for each version. Times are in UTC; `seen_at` is a text of PointSync's.
	 *
	 * @return array<int, string[]>
	 */
	public static function steps(): array {
		global $wpdb;
		$collate  = $wpdb->get_charset_collate();
		$outbox   = Tables::name( 'outbox' );
		$movement = Tables::name( 'movement' );
		$balance  = Tables::name( 'balance' );
		$value    = Tables::name( 'value' );
		$spending = Tables::name( 'spending' );
		// Addresses that differ in an accent only belong to two people, whom WordPress's own collation would mix up.
		$exact    = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
		$taken    = Tables::name( 'myrewards' );
		$brought  = Tables::name( 'migration' );
		return array(
			array(
				"CREATE TABLE IF NOT EXISTS {$outbox} (
					id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
					reference VARCHAR(191) NOT NULL,
					kind VARCHAR(20) NOT NULL,
					order_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
					method VARCHAR(10) NOT NULL DEFAULT '',
					path VARCHAR(300) NOT NULL DEFAULT '',
					body LONGTEXT NULL,
					state VARCHAR(10) NOT NULL DEFAULT 'waiting',
					version INT UNSIGNED NOT NULL DEFAULT 1,
					attempts INT UNSIGNED NOT NULL DEFAULT 0,
					created_at DATETIME NOT NULL,
					changed_at DATETIME NOT NULL,
					due_at DATETIME NOT NULL,
					sent_at DATETIME NULL,
					seen_at VARCHAR(40) NULL,
					status SMALLINT NOT NULL DEFAULT 0,
					answer TEXT NULL,
					PRIMARY KEY  (id),
					UNIQUE KEY reference (reference),
					KEY state_due (state, due_at),
					KEY order_id (order_id),
					KEY seen_at (seen_at)
				) ENGINE=InnoDB {$collate}",
				"CREATE TABLE IF NOT EXISTS {$movement} (
					id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
					origin VARCHAR(64) NOT NULL,
					movement_id VARCHAR(32) NOT NULL,
					customer VARCHAR(191) {$exact} NOT NULL,
					reserve VARCHAR(64) NOT NULL,
					kind VARCHAR(20) NOT NULL,
					points BIGINT NOT NULL,
					balance BIGINT NOT NULL,
					reason VARCHAR(500) NOT NULL DEFAULT '',
					ref VARCHAR(191) NOT NULL DEFAULT '',
					at DATETIME NOT NULL,
					recorded_at DATETIME NOT NULL,
					generation INT UNSIGNED NOT NULL DEFAULT 0,
					PRIMARY KEY  (id),
					UNIQUE KEY origin_movement (origin, movement_id, customer),
					KEY customer (customer, reserve, id)
				) ENGINE=InnoDB {$collate}",
				"CREATE TABLE IF NOT EXISTS {$balance} (
					customer VARCHAR(191) {$exact} NOT NULL,
					reserve VARCHAR(64) NOT NULL,
					points BIGINT NOT NULL,
					generation INT UNSIGNED NOT NULL DEFAULT 0,
					changed_at DATETIME NOT NULL,
					PRIMARY KEY  (customer, reserve)
				) ENGINE=InnoDB {$collate}",
				"CREATE TABLE IF NOT EXISTS {$value} (
					name VARCHAR(64) NOT NULL,
					value LONGTEXT NOT NULL,
					PRIMARY KEY  (name)
				) ENGINE=InnoDB {$collate}",
			),
			array(
				"CREATE TABLE IF NOT EXISTS {$spending} (
					id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
					order_id BIGINT UNSIGNED NOT NULL,
					order_key VARCHAR(60) NOT NULL,
					email VARCHAR(191) {$exact} NOT NULL,
					reserve VARCHAR(64) NOT NULL,
					points BIGINT NOT NULL,
					hold_number INT UNSIGNED NOT NULL DEFAULT 0,
					hold_points BIGINT NOT NULL DEFAULT 0,
					hold_state VARCHAR(10) NOT NULL DEFAULT '',
					hold_until DATETIME NULL,
					taken BIGINT NOT NULL DEFAULT 0,
					returned BIGINT NOT NULL DEFAULT 0,
					refund_number INT UNSIGNED NOT NULL DEFAULT 0,
					handed_back BIGINT NOT NULL DEFAULT 0,
					step TEXT NULL,
					movements LONGTEXT NULL,
					problem VARCHAR(20) NOT NULL DEFAULT '',
					message VARCHAR(500) NOT NULL DEFAULT '',
					attempts INT UNSIGNED NOT NULL DEFAULT 0,
					created_at DATETIME NOT NULL,
					changed_at DATETIME NOT NULL,
					due_at DATETIME NULL,
					leased_until DATETIME NULL,
					PRIMARY KEY  (id),
					UNIQUE KEY order_and_key (order_id, order_key),
					KEY due_at (due_at),
					KEY email (email),
					KEY problem (problem)
				) ENGINE=InnoDB {$collate}",
			),
			array(
				"CREATE TABLE IF NOT EXISTS {$taken} (
					history_id BIGINT UNSIGNED NOT NULL,
					reference VARCHAR(100) NOT NULL,
					user_id BIGINT UNSIGNED NOT NULL,
					reserve VARCHAR(64) NOT NULL,
					points BIGINT NOT NULL,
					state VARCHAR(10) NOT NULL DEFAULT 'waiting',
					generation INT UNSIGNED NOT NULL DEFAULT 0,
					created_at DATETIME NOT NULL,
					PRIMARY KEY  (history_id),
					UNIQUE KEY reference (reference),
					KEY user_id (user_id),
					KEY created_at (created_at)
				) ENGINE=InnoDB {$collate}",
				"CREATE TABLE IF NOT EXISTS {$brought} (
					id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
					place VARCHAR(40) NOT NULL,
					email VARCHAR(191) NOT NULL DEFAULT '',
					customer VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
					reserve VARCHAR(64) NOT NULL,
					points BIGINT NOT NULL DEFAULT 0,
					state VARCHAR(10) NOT NULL,
					reason VARCHAR(20) NOT NULL DEFAULT '',
					message VARCHAR(500) NOT NULL DEFAULT '',
					balance BIGINT NULL,
					PRIMARY KEY  (id),
					KEY state (state, id),
					KEY customer (customer, reserve)
				) ENGINE=InnoDB {$collate}",
			),
		);
	}
}

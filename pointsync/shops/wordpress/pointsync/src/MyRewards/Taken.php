<?php

namespace PointSync\MyRewards;

use PointSync\Feed\Reader;
use PointSync\Connection\Shop;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * The rows of MyRewards that were taken over, each with its movement: a table of this plugin.
 *
 * A row is on its way until the feed has told its movement, so that the balance that the feed has told has it, too. The
 * mark is set in the same transaction as the balance. It names the generation of the feed, so it ends by itself if the
 * feed begins anew, as after a restore of PointSync.
 */
final class Taken {

	const ON_THE_WAY = 'waiting';
	const REFUSED    = 'refused';
	/** No movement: nothing was moved, or nobody is there to have it. */
	const NONE = 'none';

	/**
	 * Which rows are movements: `site` (of PointSync), `stack`, the last row `before` the first of them, the row `after`
	 * which rows are looked at, and whether accounts may follow.
	 */
	const STATE = 'myrewards';

	/** MyRewards' rows are looked at for so many days, and what was taken over is remembered for so many. */
	const LOOKED_DAYS = 2;
	const KEPT_DAYS   = 90;
	/** The feed must have told a movement so many seconds after PointSync's answer. */
	const MISSED_SECONDS = 60;
	const MAX_ATTEMPTS   = 20;

	/** Take a row over; whether this was the first time. */
	public static function add( Row $row, int $points, string $state ): bool {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		return 1 === $wpdb->query(
			$wpdb->prepare(
				"INSERT IGNORE INTO {$table} (history_id, reference, user_id, reserve, points, state, created_at) VALUES (%d, %s, %d, %s, %d, %s, %s)",
				$row->id,
				$row->reference( Shop::id() ),
				$row->user_id,
				Shop::reserve(),
				$points,
				$state,
				gmdate( 'Y-m-d H:i:s' )
			)
		);
	}

	/** The points of an account's rows that the balance of the feed does not have yet. */
	public static function on_the_way( int $user_id ): int {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		return (int) $wpdb->get_var(
			$wpdb->prepare(
				"SELECT SUM(points) FROM {$table} WHERE user_id = %d AND state = 'waiting' AND reserve = %s AND generation < %d",
				$user_id,
				Shop::reserve(),
				Reader::state()['generation']
			)
		);
	}

	/**
	 * The feed has told a movement. In its transaction.
	 *
	 * @param array<string, mixed> $movement
	 */
	public static function note_movement( array $movement, int $generation ): void {
		global $wpdb;
		$prefix = Row::prefix( Shop::id() );
		if ( ! isset( $movement['ref'] ) || strncmp( (string) $movement['ref'], $prefix, strlen( $prefix ) ) !== 0 ) {
			return;
		}
		$table = Tables::name( 'myrewards' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$table} SET generation = %d, state = 'waiting' WHERE reference = %s",
				$generation,
				(string) $movement['ref']
			)
		);
	}

	/** PointSync has refused a movement for good, or has taken it in after all. */
	public static function set_state( string $reference, string $state ): int {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		$wpdb->query( $wpdb->prepare( "UPDATE {$table} SET state = %s WHERE reference = %s", $state, $reference ) );
		return (int) $wpdb->get_var( $wpdb->prepare( "SELECT user_id FROM {$table} WHERE reference = %s", $reference ) );
	}

	/**
	 * The accounts of the rows that were taken over in the last seconds.
	 *
	 * @return int[]
	 */
	public static function users_since( int $seconds ): array {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		return array_map(
			'intval',
			$wpdb->get_col( $wpdb->prepare( "SELECT DISTINCT user_id FROM {$table} WHERE created_at >= %s LIMIT 2000", gmdate( 'Y-m-d H:i:s', time() - $seconds ) ) )
		);
	}

	/** How many movements are on their way. */
	public static function count_on_the_way(): int {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		return (int) $wpdb->get_var(
			$wpdb->prepare( "SELECT COUNT(*) FROM {$table} WHERE state = 'waiting' AND reserve = %s AND generation < %d", Shop::reserve(), Reader::state()['generation'] )
		);
	}

	/** @return array{site: string, stack: string, before: int, after: int, is_ready: bool} */
	public static function state(): array {
		$state = Values::get_array( self::STATE );
		return array(
			'site'     => isset( $state['site'] ) ? (string) $state['site'] : '',
			'stack'    => isset( $state['stack'] ) ? (string) $state['stack'] : '',
			'before'   => isset( $state['before'] ) ? (int) $state['before'] : 0,
			'after'    => isset( $state['after'] ) ? (int) $state['after'] : 0,
			'is_ready' => ! empty( $state['is_ready'] ),
		);
	}

	/** Whether it is known from which row on this stack's changes are this PointSync's. */
	public static function has_begun( string $stack ): bool {
		$state = self::state();
		return $state['stack'] === $stack && '' !== $stack && $state['site'] === self::site();
	}

	/** Whether MyRewards may be set to what PointSync says. */
	public static function is_ready( string $stack ): bool {
		return self::has_begun( $stack ) && self::state()['is_ready'];
	}

	/** From now on, changes of this stack are movements of this PointSync. Nothing changes if that was so before. */
	public static function begin( string $stack ): void {
		global $wpdb;
		if ( self::has_begun( $stack ) ) {
			return;
		}
		$table = Tables::name( 'myrewards' );
		$last  = History::last_id();
		$wpdb->query( "DELETE FROM {$table}" );
		Values::set_array(
			self::STATE,
			array(
				'site'     => self::site(),
				'stack'    => $stack,
				'before'   => $last,
				'after'    => $last,
				'is_ready' => false,
			)
		);
	}

	/** The points that customers had in this stack when it began are in PointSync, or need not be. */
	public static function set_ready( string $stack ): void {
		if ( self::has_begun( $stack ) ) {
			Values::set_array( self::STATE, array( 'is_ready' => true ) + self::state() );
		}
	}

	/** The feed is forgotten: what it has told is on its way until it tells it again. */
	public static function forget_feed(): void {
		global $wpdb;
		$table = Tables::name( 'myrewards' );
		$wpdb->query( "UPDATE {$table} SET generation = 0" );
	}

	/**
	 * Send again what PointSync has answered to and the feed does not tell: PointSync was restored since, and has
	 * forgotten it. If it has not, the repetition changes nothing.
	 */
	public static function send_again(): void {
		global $wpdb;
		$feed = Reader::state();
		if ( ! $feed['is_filled'] || ! Settle::is_possible() ) {
			return;
		}
		$table  = Tables::name( 'myrewards' );
		$outbox = Tables::name( 'outbox' );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$outbox} o JOIN {$table} t ON t.reference = o.reference SET o.state = 'waiting', o.version = o.version + 1, o.due_at = %s
				WHERE t.state = 'waiting' AND t.generation < %d AND t.reserve = %s AND o.state = 'sent' AND o.sent_at < %s AND o.attempts < %d",
				gmdate( 'Y-m-d H:i:s' ),
				$feed['generation'],
				Shop::reserve(),
				gmdate( 'Y-m-d H:i:s', $feed['at'] - self::MISSED_SECONDS ),
				self::MAX_ATTEMPTS
			)
		);
	}

	/** Every day: leave what is long done, so that each look stays quick. Nothing that was not taken over is left. */
	public static function purge(): void {
		global $wpdb;
		if ( ! Settle::is_possible() ) {
			return;
		}
		$state = self::state();
		$after = max( $state['after'], History::last_id_before( self::days_ago( self::LOOKED_DAYS ) ) );
		foreach ( History::not_taken( Settings::stack(), $state['after'], 0, 1 ) as $row ) {
			$after = min( $after, $row->id - 1 );
		}
		Values::set_array( self::STATE, array( 'after' => $after ) + $state );
		$table = Tables::name( 'myrewards' );
		$wpdb->query(
			$wpdb->prepare(
				"DELETE FROM {$table} WHERE history_id <= %d AND created_at < %s AND (state <> 'waiting' OR generation >= %d)",
				$after,
				self::days_ago( self::KEPT_DAYS ),
				Reader::state()['generation']
			)
		);
	}

	private static function days_ago( int $days ): string {
		return gmdate( 'Y-m-d H:i:s', time() - $days * DAY_IN_SECONDS );
	}

	/** Which PointSync this shop is connected with. */
	private static function site(): string {
		$site = Shop::get( 'site', array() );
		return is_array( $site ) && isset( $site['auth'] ) ? (string) $site['auth'] : '';
	}
}

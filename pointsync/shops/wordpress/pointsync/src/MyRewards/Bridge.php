<?php

namespace PointSync\MyRewards;

use PointSync\Connection\Answer;
use PointSync\Connection\Shop;
use PointSync\Customers\UserValues;
use PointSync\Orders\Sender;
use PointSync\Schedule;

/**
 * Keeps the points of one stack of MyRewards equal with PointSync, where an admin has switched that on.
 *
 * On a shop page it does something only if MyRewards has changed points in that request. The rest is done when the feed
 * tells a change, and by the schedule: every minute for the accounts that have changed lately, every day for all.
 */
final class Bridge {

	/** Accounts are looked at again for so many seconds after a change of theirs. */
	const WATCHED_SECONDS = 600;
	const SECONDS         = 15.0;

	/** @var array<int, true> the accounts that this request has changed */
	private static $changed = array();

	public function register(): void {
		add_action( 'pointsync_disconnected', array( self::class, 'stop' ) );
		if ( ! Settings::is_on() ) {
			return;
		}
		add_action( 'lws_woorewards_core_pool_points_changed', array( self::class, 'note_change' ) );
		add_action( 'shutdown', array( self::class, 'settle_changed' ), 9990 );
		add_action( 'pointsync_movement_stored', array( Taken::class, 'note_movement' ), 10, 2 );
		add_action( 'pointsync_balances_changed', array( self::class, 'follow' ), 20 );
		add_action( 'pointsync_refresh_customer', array( self::class, 'settle_account' ), 20 );
		add_action( 'pointsync_call_sent', array( self::class, 'note_sent' ) );
		add_action( 'pointsync_call_refused', array( self::class, 'note_refused' ), 10, 2 );
		foreach ( array( 'added_user_meta', 'updated_user_meta', 'deleted_user_meta' ) as $hook ) {
			add_action( $hook, array( self::class, 'note_address' ), 10, 3 );
		}
		add_action( Schedule::SOON, array( self::class, 'run' ), 8 );
		add_action( Schedule::MINUTE, array( self::class, 'run' ), 8 );
		add_action( Schedule::MINUTE, array( Taken::class, 'send_again' ), 34 );
		add_action( Schedule::MINUTE, array( Compare::class, 'go_on' ), 35 );
		add_action( Schedule::DAY, array( Compare::class, 'begin' ) );
		add_action( Schedule::DAY, array( Taken::class, 'purge' ) );
	}

	/** @param object $change of MyRewards, with `user_id` and `system`, its pool */
	public static function note_change( $change ): void {
		if ( isset( $change->user_id, $change->system ) && $change->system->getStackId() === Settings::stack() ) {
			self::$changed[ (int) $change->user_id ] = true;
		}
	}

	/** The page was made: write what MyRewards has changed into the outbox. It takes some milliseconds for an account. */
	public static function settle_changed(): void {
		$ids           = array_keys( self::$changed );
		self::$changed = array();
		foreach ( $ids as $id ) {
			if ( Settle::account( $id ) > 0 ) {
				Sender::note_call();
			}
		}
	}

	/** @param string[] $emails whose balances the feed has changed */
	public static function follow( $emails ): void {
		if ( ! Settle::is_possible() ) {
			return;
		}
		foreach ( (array) $emails as $email ) {
			foreach ( Account::of_customer( (string) $email ) as $id ) {
				Settle::account( $id );
			}
		}
	}

	/** @param int $user_id */
	public static function settle_account( $user_id ): void {
		Settle::account( (int) $user_id );
	}

	/** Take over what no request has, and look again at what has changed lately. */
	public static function run(): void {
		if ( ! Settle::is_possible() ) {
			return;
		}
		$until = microtime( true ) + self::SECONDS;
		$rows  = History::not_taken( Settings::stack(), Taken::state()['after'] );
		$users = array_map( static fn( Row $row ): int => $row->user_id, $rows );
		foreach ( array_unique( array_merge( $users, Taken::users_since( self::WATCHED_SECONDS ) ) ) as $id ) {
			if ( microtime( true ) > $until ) {
				break;
			}
			Settle::account( (int) $id );
		}
	}

	/** @param object $row of the outbox, which PointSync has taken in, perhaps at a second attempt */
	public static function note_sent( $row ): void {
		self::note_answer( (string) $row->reference, Taken::ON_THE_WAY );
	}

	/**
	 * PointSync does not take a movement: MyRewards goes back to what PointSync says. The state page says why.
	 *
	 * @param object $row of the outbox
	 */
	public static function note_refused( $row, Answer $answer ): void {
		self::note_answer( (string) $row->reference, Taken::REFUSED );
	}

	private static function note_answer( string $reference, string $state ): void {
		$prefix = Row::prefix( Shop::id() );
		if ( strncmp( $reference, $prefix, strlen( $prefix ) ) === 0 ) {
			$user_id = Taken::set_state( $reference, $state );
			if ( Taken::REFUSED === $state ) {
				Settle::account( $user_id );
			}
		}
	}

	/**
	 * An account has verified its address, or another one has verified it since.
	 *
	 * @param int|int[] $meta_ids
	 * @param int       $user_id
	 * @param string    $key
	 */
	public static function note_address( $meta_ids, $user_id, $key ): void {
		if ( substr( (string) $key, -strlen( UserValues::VERIFIED ) ) === UserValues::VERIFIED ) {
			self::$changed[ (int) $user_id ] = true;
		}
	}

	/** The shop is not connected any more: MyRewards goes on by itself until an admin switches the bridge on again. */
	public static function stop(): void {
		Taken::forget_feed();
		Switching::off();
	}
}

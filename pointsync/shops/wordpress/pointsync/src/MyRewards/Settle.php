<?php

namespace PointSync\MyRewards;

use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Customers\Refresh;
use PointSync\Customers\UserValues;
use PointSync\Feed\Balances;
use PointSync\Feed\Reader;
use PointSync\Orders\Outbox;
use PointSync\Storage\Tables;

/**
 * Brings one account's two balances together: takes over what MyRewards has written, and sets MyRewards to what PointSync
 * says and what is still on its way there.
 *
 * In one transaction, with the balance locked. MyRewards itself locks nothing: of two of its requests at once, one may
 * overwrite the other's balance, or this one. Its rows tell both changes, so the comparison that follows puts it right.
 */
final class Settle {

	/** Whether accounts can be settled at all. */
	public static function is_possible(): bool {
		return Settings::is_on() && Shop::is_connected() && ! StagingGuard::is_stopped() && Tables::are_current()
			&& Program::is_active() && Taken::is_ready( Settings::stack() );
	}

	/** Settle an account. How many movements were written into the outbox; -1 if another request was in the way. */
	public static function account( int $user_id ): int {
		global $wpdb;
		if ( $user_id <= 0 || ! self::is_possible() ) {
			return 0;
		}
		$stack    = Settings::stack();
		$is_shown = $wpdb->suppress_errors();
		$wpdb->query( 'START TRANSACTION' );
		$balance = History::lock_balance( $stack, $user_id );
		$written = '' === $wpdb->last_error ? self::take_over( $stack, $user_id ) : -1;
		$is_done = $written >= 0 && self::follow( $stack, $user_id, $balance );
		$wpdb->query( $is_done ? 'COMMIT' : 'ROLLBACK' );
		$wpdb->suppress_errors( $is_shown );
		History::forget_cached( $user_id );
		return $is_done ? $written : -1;
	}

	/** Set MyRewards to what it should say; whether nothing was in the way. `$balance` is what it says, locked. */
	private static function follow( string $stack, int $user_id, ?int $balance ): bool {
		$target = Reader::state()['is_filled'] ? self::target( $user_id ) : null;
		if ( null === $target ) {
			return true;
		}
		Account::note_shown( $user_id, '' !== Account::known_as( $user_id ) );
		return (int) $balance === $target || History::set_balance( $stack, $user_id, $balance, $target );
	}

	/** Write the movements of the account's new rows. How many; -1 if one could not be written. */
	private static function take_over( string $stack, int $user_id ): int {
		$count = 0;
		foreach ( History::not_taken( $stack, Taken::state()['after'], $user_id ) as $row ) {
			$points   = $row->points( null === $row->moved ? History::total_before( $stack, $user_id, $row->id ) : 0 );
			$customer = Account::customer( $user_id );
			$is_moved = 0 !== $points && '' !== $customer && ! self::is_counted_by_pointsync( $row );
			if ( ! Taken::add( $row, $points, $is_moved ? Taken::ON_THE_WAY : Taken::NONE ) ) {
				return -1;
			}
			if ( ! $is_moved ) {
				continue;
			}
			$body = $row->movement( Shop::id(), $customer, Shop::reserve(), $points, Program::text_of( $row->comment ) );
			if ( ! Outbox::add_call( $body['ref'], 'POST', '/movements', $body ) && ! Outbox::has( $body['ref'] ) ) {
				return -1;
			}
			++$count;
		}
		return $count;
	}

	/** Points that an event has given for an order although PointSync counts the orders: they are taken away again. */
	private static function is_counted_by_pointsync( Row $row ): bool {
		return Settings::BY_POINTSYNC === Settings::all()['counts'] && ! $row->is_set && Program::is_of_order_event( $row->origin );
	}

	private static function target( int $user_id ): ?int {
		$known_as = Account::known_as( $user_id );
		$ledger   = '' === $known_as ? null : Balances::get( $known_as );
		if ( '' !== $known_as && null === $ledger && null === UserValues::get( $user_id, UserValues::REFRESHED ) ) {
			Refresh::soon( $user_id );
		}
		return Target::of( '' !== $known_as, Account::has_lost( $user_id ), $ledger, Taken::on_the_way( $user_id ) );
	}
}

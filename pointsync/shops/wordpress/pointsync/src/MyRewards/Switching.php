<?php

namespace PointSync\MyRewards;

use PointSync\Cart\Settings as Spending;
use PointSync\Connection\Shop;

/**
 * Switches the bridge on and off, and refuses what would count or spend points twice.
 */
final class Switching {

	/** On a network: which site's PointSync each stack follows, since all sites share MyRewards' points. */
	const NETWORK = 'pointsync_myrewards_sites';

	/**
	 * Switch the bridge on for a pool. Returns why not, as a sentence; empty if it is on.
	 *
	 * @param bool $may_replace an admin has said that MyRewards' points may be replaced by PointSync's
	 */
	public static function on( int $pool_id, string $counts, bool $may_replace ): string {
		$pool = self::find_pool( $pool_id );
		if ( ! $pool ) {
			return __( 'MyRewards: choose one of its reward systems.', 'pointsync' );
		}
		$problem = self::find_problem( $pool['stack'], $counts );
		if ( '' !== $problem ) {
			return $problem;
		}
		if ( ! Taken::is_ready( $pool['stack'] ) ) {
			if ( ! $may_replace ) {
				return __( 'MyRewards: the points that customers have there are not in PointSync yet. Bring them first, under “Bring points from another program”. Or tick that PointSync’s balances replace them.', 'pointsync' );
			}
			Taken::begin( $pool['stack'] );
			Taken::set_ready( $pool['stack'] );
		}
		Settings::store( true, $pool['id'], $pool['stack'], $counts );
		self::note_on_network( $pool['stack'], true );
		Compare::begin();
		return '';
	}

	/** MyRewards goes on by itself. What it changes meanwhile is sent if the bridge is switched on again. */
	public static function off(): void {
		self::note_on_network( Settings::stack(), false );
		Settings::switch_off();
	}

	/** What is wrong with the bridge as it is; empty if nothing is, or if it is off. */
	public static function problem_now(): string {
		$all = Settings::all();
		if ( ! $all['is_on'] || ! Shop::is_connected() ) {
			return '';
		}
		if ( ! Program::is_active() ) {
			return __( 'MyRewards is not active, so its points do not follow PointSync. Activate it, or switch the bridge off.', 'pointsync' );
		}
		return self::find_problem( $all['stack'], $all['counts'] );
	}

	/** Why a stack cannot follow PointSync like this; empty if it can. */
	private static function find_problem( string $stack, string $counts ): string {
		$pools = Program::pools_of( $stack );
		$names = implode( ', ', array_column( $pools, 'title' ) );
		if ( ! array_filter( array_column( $pools, 'is_on' ) ) ) {
			return __( 'MyRewards: this reward system is not active, or was deleted. Choose another one, or switch the bridge off.', 'pointsync' );
		}
		$events = array_merge( array(), ...array_column( $pools, 'order_events' ) );
		if ( Settings::BY_POINTSYNC === $counts && $events ) {
			/* translators: 1: a reward system of MyRewards, 2: ways to earn points there */
			return sprintf( __( 'Orders would count twice: PointSync counts them, and %1$s gives points for them as well (%2$s). Remove these ways to earn points in MyRewards, or choose that MyRewards counts the orders.', 'pointsync' ), $names, implode( ', ', array_unique( $events ) ) );
		}
		if ( Settings::BY_MYREWARDS === $counts && ! $events ) {
			/* translators: %s: a reward system of MyRewards */
			return sprintf( __( 'Orders would not count at all: %s gives no points for them. Add such a way to earn points in MyRewards, or choose that PointSync counts the orders.', 'pointsync' ), $names );
		}
		if ( array_filter( array_column( $pools, 'is_used_in_cart' ) ) && Spending::all()['values'] ) {
			/* translators: %s: a reward system of MyRewards */
			return sprintf( __( 'Customers could spend the same points twice in one cart: %s lets them use points in the cart, and PointSync does, too. Switch that off in MyRewards, or empty the value of a point under “Spending points”.', 'pointsync' ), $names );
		}
		if ( self::is_taken_on_network( $stack ) ) {
			return __( 'Another site of this network lets these points of MyRewards follow its PointSync. All sites share them, so only one can do that.', 'pointsync' );
		}
		return '';
	}

	/** @return array{id: int, title: string, stack: string, is_on: bool, is_used_in_cart: bool, order_events: string[]}|null */
	private static function find_pool( int $pool_id ): ?array {
		foreach ( Program::pools() as $pool ) {
			if ( $pool['id'] === $pool_id ) {
				return $pool;
			}
		}
		return null;
	}

	private static function is_taken_on_network( string $stack ): bool {
		$sites = is_multisite() ? get_site_option( self::NETWORK ) : array();
		return is_array( $sites ) && isset( $sites[ $stack ] ) && (int) $sites[ $stack ] !== get_current_blog_id();
	}

	private static function note_on_network( string $stack, bool $is_on ): void {
		if ( ! is_multisite() ) {
			return;
		}
		$sites = get_site_option( self::NETWORK );
		$sites = is_array( $sites ) ? $sites : array();
		if ( $is_on ) {
			$sites[ $stack ] = get_current_blog_id();
		} elseif ( isset( $sites[ $stack ] ) && (int) $sites[ $stack ] === get_current_blog_id() ) {
			unset( $sites[ $stack ] );
		}
		update_site_option( self::NETWORK, $sites );
	}
}

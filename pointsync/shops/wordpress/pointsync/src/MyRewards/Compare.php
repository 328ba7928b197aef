<?php

namespace PointSync\MyRewards;

use PointSync\Customers\UserValues;
use PointSync\Feed\Reader;
use PointSync\Storage\Values;

/**
 * Compares all accounts with PointSync, a part each minute, and settles what differs: every day, when the bridge is
 * switched on, and when the feed was read anew.
 */
final class Compare {

	/** After which account it goes on; no value while there is nothing to do. */
	const AFTER = 'myrewards.compare';
	/** The generation of the feed that was compared last. */
	const GENERATION = 'myrewards.generation';
	const LIMIT      = 200;
	const SECONDS    = 10.0;

	public static function begin(): void {
		Values::set( self::AFTER, '0' );
	}

	public static function go_on(): void {
		global $wpdb;
		$feed = Reader::state();
		if ( ! Settle::is_possible() || ! $feed['is_filled'] ) {
			return;
		}
		if ( Values::get_int( self::GENERATION ) !== $feed['generation'] ) {
			Values::set( self::GENERATION, (string) $feed['generation'] );
			self::begin();
		}
		$after = Values::get( self::AFTER );
		$until = microtime( true ) + self::SECONDS;
		$key   = $wpdb->get_blog_prefix() . UserValues::VERIFIED;
		while ( null !== $after && microtime( true ) < $until ) {
			$ids = History::accounts( Settings::stack(), $key, (int) $after, self::LIMIT );
			array_map( array( Settle::class, 'account' ), $ids );
			$after = count( $ids ) < self::LIMIT ? null : (string) end( $ids );
			if ( null === $after ) {
				Values::remove( self::AFTER );
			} else {
				Values::set( self::AFTER, $after );
			}
		}
	}
}

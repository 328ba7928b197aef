<?php

namespace PointSync\Orders;

use PointSync\Connection\Client;
use PointSync\Connection\Pace;
use PointSync\Connection\StagingGuard;
use PointSync\Storage\Values;

/**
 * After this shop's database was restored: reports the orders that it has lost as deleted.
 *
 * Nothing else is sent before that is done: a new order may have got the id of a lost one.
 */
final class LostOrders {

	/** From which time on PointSync is asked, and which ids come next; no value while nothing is to be done. */
	const SINCE = 'lost.since';
	const AFTER = 'lost.after';
	/** How long before the last report that this shop remembers. */
	const MARGIN_SECONDS = DAY_IN_SECONDS;
	const BATCH          = 100;
	const MAX_SECONDS    = 20.0;

	/** PointSync has seen reports since `$seen_at` that this shop does not remember. */
	public static function begin( string $seen_at ): void {
		$time = strtotime( $seen_at );
		Values::set( self::SINCE, gmdate( 'Y-m-d\TH:i:s\Z', ( false === $time ? time() : $time ) - self::MARGIN_SECONDS ) );
		Values::set( self::AFTER, '0' );
	}

	/** Go on until it is done; whether it is. */
	public static function go_on( float $until ): bool {
		while ( null !== Values::get( self::SINCE ) ) {
			if ( $until - microtime( true ) < 0.5 || ! self::report_page( $until ) ) {
				return false;
			}
		}
		return true;
	}

	private static function report_page( float $until ): bool {
		$query  = array(
			'since' => rawurlencode( (string) Values::get( self::SINCE ) ),
			'limit' => self::BATCH,
		);
		$after  = Values::get_int( self::AFTER );
		$query += $after ? array( 'after' => $after ) : array();
		$answer = Client::call( 'GET', add_query_arg( $query, '/orders/given' ), null, min( $until - microtime( true ), self::MAX_SECONDS ) );
		if ( 404 === $answer->status ) {  // an earlier version of PointSync: its admin sees orders whose id was used again
			self::end();
			return true;
		}
		if ( ! $answer->is_success() || ! isset( $answer->body['orders'] ) ) {
			Pace::note_failure( $answer );
			return false;
		}
		$lost = array();
		foreach ( (array) $answer->body['orders'] as $given ) {
			$order = wc_get_order( (int) $given['id'] );
			if ( ! $order instanceof \WC_Order || ( '' !== $given['order_key'] && $order->get_order_key() !== $given['order_key'] ) ) {
				$lost[] = OrderJson::build_deleted( (int) $given['id'] );
			}
		}
		if ( $lost && ! self::report( $lost, $until ) ) {
			return false;
		}
		if ( isset( $answer->body['next'] ) ) {
			Values::set( self::AFTER, (string) (int) $answer->body['next'] );
		} else {
			self::end();
		}
		return true;
	}

	private static function end(): void {
		Values::remove( self::SINCE );
		Values::remove( self::AFTER );
	}

	/** @param array<int, array<string, mixed>> $reports */
	private static function report( array $reports, float $until ): bool {
		$body   = array(
			'shop'   => StagingGuard::current_home(),
			'orders' => $reports,
		);
		$answer = Client::call( 'POST', '/orders', $body, max( 1.0, min( $until - microtime( true ), self::MAX_SECONDS ) ) );
		if ( ! $answer->is_success() ) {
			Pace::note_failure( $answer );
			return false;
		}
		OrderReports::remember( $answer );
		return true;
	}
}

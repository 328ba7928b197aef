<?php

namespace PointSync\Spending;

use PointSync\Feed\Address;
use PointSync\Schedule;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

/**
 * Finds movements of this shop's orders that the shop does not remember, since its database was restored. The feed
 * tells them. Then the points follow the orders as they are now: also those of orders that do not exist any more.
 */
final class Forgotten {

	/** The id of the last movement that was looked at. */
	const STATE = 'spending.movement';
	const LIMIT = 500;

	public function register(): void {
		// After the feed was read, and before the points are settled the next time.
		add_action( Schedule::MINUTE, array( self::class, 'find' ), 25 );
	}

	public static function find(): void {
		global $wpdb;
		if ( ! Tables::are_current() ) {
			return;
		}
		$table = Tables::name( 'movement' );
		$after = Values::get_int( self::STATE );
		$rows  = (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, customer, reserve, kind, points, reason, ref, at FROM {$table} WHERE id > %d ORDER BY id LIMIT %d", $after, self::LIMIT ) );
		$last  = $after;
		foreach ( $rows as $row ) {
			$parts = Ref::parse( (string) $row->ref );
			if ( $parts && ! self::take_in( $row, $parts ) ) {
				break;
			}
			$last = (int) $row->id;
		}
		if ( $last !== $after ) {
			Values::set( self::STATE, (string) $last );
		}
	}

	/**
	 * @param array{kind: string, order_id: int, order_key: string, number: int} $parts
	 * @return bool false if the row is in work, so that it must be looked at again
	 */
	private static function take_in( object $movement, array $parts ): bool {
		$account = Account::of_key( $parts['order_id'], $parts['order_key'] );
		if ( $account && self::knows( $account, (string) $movement->ref ) ) {
			return true;
		}
		if ( ! $account ) {
			$email   = Address::is_erased( (string) $movement->customer ) ? '' : Address::key( (string) $movement->customer );
			$account = new Account( $parts['order_id'], $parts['order_key'], $email, (string) $movement->reserve, 0 );
			$account->save();
		}
		if ( ! Settle::lease( $account->id ) ) {
			return false;
		}
		$account = Account::read( $account->id );
		if ( $account && ! self::knows( $account, (string) $movement->ref ) ) {
			Outcome::remember( $account, $parts['number'], self::as_known( $movement ) );
			$account->save();
		}
		Settle::end_lease( (int) $account->id );
		Account::set_due( (int) $account->id );
		Schedule::soon();
		return true;
	}

	/** Whether the movement is known, or is that of the step whose answer is awaited. */
	private static function knows( Account $account, string $ref ): bool {
		if ( in_array( $ref, array_column( $account->movements, 'ref' ), true ) ) {
			return true;
		}
		return $account->step && $ref === Ref::of_step( $account, $account->step );
	}

	/** Take in the movement with this reference if the feed has told it; whether it has. The caller saves. */
	public static function recall( Account $account, string $ref ): bool {
		global $wpdb;
		$table    = Tables::name( 'movement' );
		$parts    = Ref::parse( $ref );
		$movement = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE ref = %s LIMIT 1", $ref ) );
		if ( ! $parts || ! $movement || self::knows( $account, $ref ) ) {
			return false;
		}
		Outcome::remember( $account, $parts['number'], self::as_known( $movement ) );
		return true;
	}

	/** @return array{ref: string, points: int, kind: string, reason: string, at: string} */
	private static function as_known( object $movement ): array {
		return array(
			'ref'    => (string) $movement->ref,
			'points' => (int) $movement->points,
			'kind'   => (string) $movement->kind,
			'reason' => (string) $movement->reason,
			'at'     => str_replace( ' ', 'T', (string) $movement->at ) . 'Z',
		);
	}
}

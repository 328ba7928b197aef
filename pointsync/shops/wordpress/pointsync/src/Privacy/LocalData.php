<?php

namespace PointSync\Privacy;

use PointSync\Customers\Rename;
use PointSync\Customers\UserValues;
use PointSync\Feed\Balances;
use PointSync\Spending\OrderFacts;
use PointSync\Storage\Tables;

/**
 * Removes an address from what this plugin stores in this shop: its tables, the options of accounts, and the lines of
 * orders that say whose points have paid. Sums and orders stay. It may be repeated.
 */
final class LocalData {

	const ROWS = 1000;

	/** Remove the customer's own rows. How many there were. */
	public static function forget_rows( Subject $subject ): int {
		return self::forget_movements( $subject ) + self::forget_spending( $subject )
			+ self::forget_lines( $subject ) + self::forget_accounts( $subject ) + self::forget_brought( $subject );
	}

	private static function forget_movements( Subject $subject ): int {
		global $wpdb;
		$movement = Tables::name( 'movement' );
		$balance  = Tables::name( 'balance' );
		$until    = '' === $subject->until ? '9999-12-31 23:59:59' : $subject->until;
		$count    = 0;
		do {
			$deleted = (int) $wpdb->query(
				$wpdb->prepare( "DELETE FROM {$movement} WHERE customer = %s AND at <= %s LIMIT %d", $subject->address, $until, self::ROWS )
			);
			$count  += $deleted;
		} while ( self::ROWS === $deleted );
		$count += (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$balance} WHERE customer = %s", $subject->address ) );
		// Somebody else may have the address since.
		$left = $wpdb->get_results( $wpdb->prepare( "SELECT reserve, balance, generation FROM {$movement} WHERE customer = %s ORDER BY id", $subject->address ) );
		foreach ( (array) $left as $row ) {
			Balances::set( $subject->address, $row->reserve, (int) $row->balance, (int) $row->generation );
		}
		return $count;
	}

	/** Orders that were paid with points keep their numbers: what went from and to nobody knows whom. */
	private static function forget_spending( Subject $subject ): int {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$until = '' === $subject->until ? '9999-12-31 23:59:59' : $subject->until;
		return (int) $wpdb->query(
			$wpdb->prepare( "UPDATE {$table} SET email = '', message = '' WHERE email = %s AND created_at <= %s", $subject->address, $until )
		);
	}

	/** The list of balances from another program, which the shop keeps for a while. */
	private static function forget_brought( Subject $subject ): int {
		global $wpdb;
		$table = Tables::name( 'migration' );
		return (int) $wpdb->query(
			$wpdb->prepare( "DELETE FROM {$table} WHERE customer = %s OR LOWER(email) = %s", $subject->address, $subject->address )
		);
	}

	/** The coupon lines of orders say whose points they stand for. */
	private static function forget_lines( Subject $subject ): int {
		global $wpdb;
		$items = $wpdb->get_results(
			$wpdb->prepare(
				"SELECT m.order_item_id, i.order_id FROM {$wpdb->prefix}woocommerce_order_itemmeta m
				JOIN {$wpdb->prefix}woocommerce_order_items i ON i.order_item_id = m.order_item_id WHERE m.meta_key = %s AND m.meta_value = %s",
				OrderFacts::EMAIL,
				$subject->address
			)
		);
		$count = 0;
		foreach ( (array) $items as $item ) {
			$order   = wc_get_order( (int) $item->order_id );
			$created = $order ? $order->get_date_created() : null;
			if ( ! $created || $subject->covers( gmdate( 'Y-m-d H:i:s', $created->getTimestamp() ) ) ) {
				wc_update_order_item_meta( (int) $item->order_item_id, OrderFacts::EMAIL, '' );
				++$count;
			}
		}
		return $count;
	}

	/** What accounts with the address have verified. They stay; whoever uses them verifies the address again. */
	private static function forget_accounts( Subject $subject ): int {
		$count = Rename::forget( $subject->address ) ? 1 : 0;
		foreach ( UserValues::with_text( $subject->address ) as $user_id => $values ) {
			if ( ! array_filter( $values, array( $subject, 'is_in' ) ) ) {
				continue;
			}
			$details = UserValues::get( $user_id, UserValues::DETAILS );
			$at      = is_array( $details ) && isset( $details['at'] ) ? strtotime( (string) $details['at'] ) : false;
			if ( false !== $at && ! $subject->covers( gmdate( 'Y-m-d H:i:s', $at ) ) ) {
				continue;
			}
			UserValues::remove_of( $user_id );
			++$count;
		}
		return $count;
	}

	/** Remove the address from texts: what waits in the outbox or was sent, reasons, and messages. How many there were. */
	public static function clean_texts( Subject $subject ): int {
		return self::clean_outbox( $subject )
			+ self::clean_table( $subject, 'movement', 'id', array( 'reason', 'ref' ) )
			+ self::clean_table( $subject, 'spending', 'id', array( 'message', 'movements' ) )
			+ self::clean_table( $subject, 'migration', 'id', array( 'message' ) )
			+ self::clean_table( $subject, 'value', 'name', array( 'value' ) );
	}

	/** A call that waits and names the person is not made any more; one that was made is kept without the person. */
	private static function clean_outbox( Subject $subject ): int {
		global $wpdb;
		$table = Tables::name( 'outbox' );
		$until = '' === $subject->until ? '9999-12-31 23:59:59' : $subject->until;
		$named = self::condition( $subject, array( 'path', 'body', 'reference' ) );
		$count = (int) $wpdb->query(
			$wpdb->prepare( "DELETE FROM {$table} WHERE kind = 'call' AND created_at <= %s AND ({$named})", $until )  // phpcs:ignore
		);
		return $count + self::clean_table( $subject, 'outbox', 'id', array( 'answer' ) );
	}

	/**
	 * Remove the address from these columns of a table, row by row.
	 *
	 * @param string[] $columns
	 */
	private static function clean_table( Subject $subject, string $noun, string $key, array $columns ): int {
		global $wpdb;
		$table = Tables::name( $noun );
		$named = self::condition( $subject, $columns );
		$list  = implode( ', ', array_merge( array( $key ), $columns ) );
		$count = 0;
		foreach ( (array) $wpdb->get_results( "SELECT {$list} FROM {$table} WHERE {$named}", ARRAY_A ) as $row ) {
			$before = array_map( 'strval', array_intersect_key( $row, array_flip( $columns ) ) );
			$after  = array_map( array( $subject, 'remove_from' ), $before );
			if ( $after !== $before ) {
				$wpdb->update( $table, $after, array( $key => $row[ $key ] ) );
				++$count;
			}
		}
		return $count;
	}

	/**
	 * For queries: one of the columns may name the address.
	 *
	 * @param string[] $columns
	 */
	private static function condition( Subject $subject, array $columns ): string {
		global $wpdb;
		$parts = array();
		foreach ( $columns as $column ) {
			foreach ( $subject->spellings() as $spelling ) {
				$parts[] = $wpdb->prepare( "{$column} LIKE %s", '%' . $wpdb->esc_like( $spelling ) . '%' );  // phpcs:ignore
			}
		}
		return implode( ' OR ', $parts );
	}
}

<?php

namespace PointSync\Privacy;

/**
 * PointSync's report about a person, as WordPress's exporter wants it: groups of items, each with names and values. Pure
 * but for translations.
 */
final class Report {

	/**
	 * All rows of all parts.
	 *
	 * @param array<int, mixed> $sites as the report lists them
	 * @return array<int, array<string, mixed>>
	 */
	public static function items( array $sites ): array {
		$items = array();
		foreach ( $sites as $site ) {
			$parts = is_array( $site ) && isset( $site['parts'] ) && is_array( $site['parts'] ) ? $site['parts'] : array();
			$from  = isset( $site['name'] ) && '' !== (string) $site['name'] ? (string) $site['name'] : 'PointSync';
			foreach ( $parts as $part => $rows ) {
				foreach ( is_array( $rows ) ? array_values( $rows ) : array() as $number => $row ) {
					$items[] = self::item( (string) $part, $part . '-' . $number, array( 'site' => $from ) + (array) $row );
				}
			}
		}
		return $items;
	}

	/**
	 * @param array<string, mixed> $row
	 * @return array{group_id: string, group_label: string, item_id: string, data: array<int, array{name: string, value: string}>}
	 */
	public static function item( string $part, string $id, array $row ): array {
		$data = array();
		foreach ( $row as $name => $value ) {
			$text = self::text( $value );
			if ( '' !== $text ) {
				$data[] = array(
					'name'  => self::name( (string) $name ),
					'value' => $text,
				);
			}
		}
		return array(
			'group_id'    => 'pointsync-' . $part,
			'group_label' => self::label( $part ),
			'item_id'     => 'pointsync-' . $id,
			'data'        => $data,
		);
	}

	/** @param mixed $value */
	private static function text( $value ): string {
		if ( is_bool( $value ) ) {
			return $value ? __( 'yes', 'pointsync' ) : __( 'no', 'pointsync' );
		}
		if ( is_array( $value ) ) {
			return $value ? (string) wp_json_encode( $value ) : '';
		}
		return null === $value ? '' : (string) $value;
	}

	private static function label( string $part ): string {
		$labels = array(
			'verified'    => __( 'Points: the address that the account has confirmed', 'pointsync' ),
			'addresses'   => __( 'Points: addresses', 'pointsync' ),
			'changes'     => __( 'Points: changes of the addresses', 'pointsync' ),
			'balances'    => __( 'Points: balances', 'pointsync' ),
			'levels'      => __( 'Points: levels', 'pointsync' ),
			'redemptions' => __( 'Points: rewards', 'pointsync' ),
			'holds'       => __( 'Points: points set aside for orders', 'pointsync' ),
			'orders'      => __( 'Points: orders', 'pointsync' ),
			'accounts'    => __( 'Points: accounts in shops', 'pointsync' ),
			'mails'       => __( 'Points: mails', 'pointsync' ),
			'movements'   => __( 'Points: history', 'pointsync' ),
		);
		/* translators: %s: what is listed, in English */
		return isset( $labels[ $part ] ) ? $labels[ $part ] : sprintf( __( 'Points: %s', 'pointsync' ), str_replace( '_', ' ', $part ) );
	}

	private static function name( string $name ): string {
		$names = array(
			'site'          => __( 'Stored by', 'pointsync' ),
			'address'       => __( 'Address', 'pointsync' ),
			'customer'      => __( 'Address', 'pointsync' ),
			'at'            => __( 'Date', 'pointsync' ),
			'first_seen_at' => __( 'First seen', 'pointsync' ),
			'points'        => __( 'Points', 'pointsync' ),
			'balance'       => __( 'Balance', 'pointsync' ),
			'held'          => __( 'Set aside', 'pointsync' ),
			'reason'        => __( 'Reason', 'pointsync' ),
			'reserve'       => __( 'Points reserve', 'pointsync' ),
			'shop'          => __( 'Shop', 'pointsync' ),
			'order'         => __( 'Order', 'pointsync' ),
			'number'        => __( 'Number', 'pointsync' ),
			'status'        => __( 'Status', 'pointsync' ),
			'kind'          => __( 'Kind', 'pointsync' ),
			'how'           => __( 'How', 'pointsync' ),
		);
		return isset( $names[ $name ] ) ? $names[ $name ] : ucfirst( str_replace( '_', ' ', $name ) );
	}
}

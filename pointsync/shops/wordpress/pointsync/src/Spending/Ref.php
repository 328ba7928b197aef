<?php

namespace PointSync\Spending;

use PointSync\Connection\Shop;

/**
 * The references of an order's holds and movements. Those of movements name the shop, since the feed tells the movements
 * of all shops of a PointSync.
 */
final class Ref {

	const SPEND  = 'spend';
	const REFUND = 'return';

	/** The order's hold with this number. */
	public static function of_hold( Account $account, int $number ): string {
		return "hold:{$account->order_id}:{$account->order_key}:{$number}";
	}

	/** The movement that takes the points of that hold. */
	public static function of_spend( Account $account, int $number ): string {
		return self::movement( self::SPEND, $account, $number );
	}

	/** The movement that gives points back. */
	public static function of_refund( Account $account, int $number ): string {
		return self::movement( self::REFUND, $account, $number );
	}

	/**
	 * The movement of a step.
	 *
	 * @param array<string, mixed> $step
	 */
	public static function of_step( Account $account, array $step ): string {
		$number = (int) $step['number'];
		return Step::REFUND === $step['do'] ? self::of_refund( $account, $number ) : self::of_spend( $account, $number );
	}

	/** How the references of this shop's movements of a kind begin. */
	public static function prefix( string $kind ): string {
		return $kind . ':' . substr( Shop::id(), 0, 12 ) . ':';
	}

	/**
	 * The parts of a movement's reference; null if it is none of this shop's.
	 *
	 * @return array{kind: string, order_id: int, order_key: string, number: int}|null
	 */
	public static function parse( string $ref ): ?array {
		foreach ( array( self::SPEND, self::REFUND ) as $kind ) {
			$prefix = self::prefix( $kind );
			if ( strncmp( $ref, $prefix, strlen( $prefix ) ) === 0 && 1 === preg_match( '/^(\d{1,18}):(.{0,60}):(\d{1,9})$/', substr( $ref, strlen( $prefix ) ), $part ) ) {
				return array(
					'kind'      => $kind,
					'order_id'  => (int) $part[1],
					'order_key' => $part[2],
					'number'    => (int) $part[3],
				);
			}
		}
		return null;
	}

	private static function movement( string $kind, Account $account, int $number ): string {
		return self::prefix( $kind ) . "{$account->order_id}:{$account->order_key}:{$number}";
	}
}

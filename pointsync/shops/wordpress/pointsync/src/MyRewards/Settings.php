<?php

namespace PointSync\MyRewards;

use PointSync\Storage\Options;

/**
 * The settings of the bridge: an option that is loaded with each page. Off until an admin switches it on.
 */
final class Settings {

	/** Who counts the orders: PointSync, by its rule, or MyRewards, by its events. Never both. */
	const BY_POINTSYNC = 'pointsync';
	const BY_MYREWARDS = 'myrewards';

	/** @return array{is_on: bool, pool: int, stack: string, counts: string} */
	public static function all(): array {
		$stored = Options::get_array( Options::MYREWARDS );
		return array(
			'is_on'  => ! empty( $stored['is_on'] ),
			'pool'   => isset( $stored['pool'] ) ? (int) $stored['pool'] : 0,
			'stack'  => isset( $stored['stack'] ) ? (string) $stored['stack'] : '',
			'counts' => isset( $stored['counts'] ) && self::BY_MYREWARDS === $stored['counts'] ? self::BY_MYREWARDS : self::BY_POINTSYNC,
		);
	}

	public static function is_on(): bool {
		return self::all()['is_on'];
	}

	/** The stack of MyRewards' points that follows PointSync. */
	public static function stack(): string {
		return self::all()['stack'];
	}

	/** Whether MyRewards counts the orders, so that this plugin reports none. */
	public static function leaves_orders(): bool {
		$all = self::all();
		return $all['is_on'] && self::BY_MYREWARDS === $all['counts'] && Program::is_active();
	}

	public static function store( bool $is_on, int $pool, string $stack, string $counts ): void {
		Options::set(
			Options::MYREWARDS,
			array(
				'is_on'  => $is_on,
				'pool'   => $pool,
				'stack'  => $stack,
				'counts' => $counts,
			)
		);
	}

	public static function switch_off(): void {
		$all = self::all();
		if ( $all['is_on'] ) {
			self::store( false, $all['pool'], $all['stack'], $all['counts'] );
		}
	}
}

<?php

namespace PointSync;

/**
 * When something runs without a visitor: by Action Scheduler, which WooCommerce has, or by WP-Cron.
 */
final class Schedule {

	const MINUTE = 'pointsync_minute';
	const HOUR   = 'pointsync_hour';
	const DAY    = 'pointsync_day';
	const SOON   = 'pointsync_soon';
	const GROUP  = 'pointsync';

	const SECONDS = array(
		self::MINUTE => 60,
		self::HOUR   => 3600,
		self::DAY    => 86400,
	);

	public function register(): void {
		add_filter( 'cron_schedules', array( self::class, 'add_intervals' ) );
		add_action( 'admin_init', array( self::class, 'ensure' ) );
		add_action( 'pointsync_connected', array( self::class, 'ensure' ) );
		add_action( self::DAY, array( self::class, 'remove_finished' ) );
	}

	/** Schedule what is not scheduled. */
	public static function ensure(): void {
		if ( ! Connection\Shop::is_connected() || wp_doing_ajax() ) {
			return;
		}
		foreach ( self::SECONDS as $hook => $seconds ) {
			if ( self::has_action_scheduler() ) {
				if ( ! as_has_scheduled_action( $hook, null, self::GROUP ) ) {
					as_schedule_recurring_action( time() + 1, $seconds, $hook, array(), self::GROUP, true );
				}
			} elseif ( ! wp_next_scheduled( $hook ) ) {
				wp_schedule_event( time() + 1, $hook, $hook );
			}
		}
	}

	/** Send what waits as soon as something runs. */
	public static function soon(): void {
		if ( self::has_action_scheduler() ) {
			as_enqueue_async_action( self::SOON, array(), self::GROUP, true );
		} elseif ( ! wp_next_scheduled( self::SOON ) ) {
			wp_schedule_single_event( time(), self::SOON );
		}
	}

	public static function clear(): void {
		foreach ( array_merge( array_keys( self::SECONDS ), array( self::SOON, Migration\Run::HOOK ) ) as $hook ) {
			wp_clear_scheduled_hook( $hook );
			if ( self::has_action_scheduler() ) {
				as_unschedule_all_actions( $hook, null, self::GROUP );
			}
		}
	}

	/** Action Scheduler keeps what has run for a month: one row a minute. Delete this plugin's after a day. */
	public static function remove_finished(): void {
		if ( ! self::has_action_scheduler() || ! class_exists( 'ActionScheduler' ) ) {
			return;
		}
		$store = \ActionScheduler::store();
		$ids   = $store->query_actions(
			array(
				'group'            => self::GROUP,
				'status'           => \ActionScheduler_Store::STATUS_COMPLETE,
				'modified'         => as_get_datetime_object( '1 day ago' ),
				'modified_compare' => '<=',
				'per_page'         => 3000,
				'orderby'          => 'none',
			)
		);
		foreach ( $ids as $id ) {
			$store->delete_action( $id );
		}
	}

	/**
	 * @param array<string, array<string, mixed>> $schedules
	 * @return array<string, array<string, mixed>>
	 */
	public static function add_intervals( array $schedules ): array {
		foreach ( self::SECONDS as $hook => $seconds ) {
			$schedules[ $hook ] = array(
				'interval' => $seconds,
				'display'  => 'PointSync',
			);
		}
		return $schedules;
	}

	private static function has_action_scheduler(): bool {
		return function_exists( 'as_has_scheduled_action' ) && function_exists( 'as_enqueue_async_action' );
	}
}

<?php

namespace PointSync\Connection;

use PointSync\Errors;
use PointSync\Feed\Reader;
use PointSync\Orders\Outbox;
use PointSync\Orders\OrderTable;
use PointSync\Schedule;
use PointSync\Storage\Values;

/**
 * Tells PointSync every hour, and when something changes, how this shop is; learns how its orders count.
 */
final class StateReport {

	const SENT_AT = 'state.sent_at';
	const HASH    = 'state.hash';
	/** At most once in so many seconds, also if something changes again and again. */
	const PAUSE_SECONDS = 300;

	public function register(): void {
		add_action( Schedule::HOUR, array( self::class, 'send' ) );
		add_action( Schedule::MINUTE, array( self::class, 'send_if_changed' ), 40 );
		add_action( 'pointsync_connected', array( self::class, 'send' ), 30 );
		add_action( 'pointsync_moved', array( self::class, 'send' ), 30 );
	}

	/** Send the state. Whether PointSync has answered. */
	public static function send(): bool {
		if ( ! Shop::is_connected() || StagingGuard::is_stopped() ) {
			return false;
		}
		$state  = self::state();
		$answer = Client::call( 'POST', '/shops/state', $state );
		if ( ! $answer->is_success() ) {
			Errors::add( '' !== $answer->code() ? $answer->code() : 'no_answer', $answer->message() );
			return false;
		}
		Values::set( self::SENT_AT, (string) time() );
		Values::set( self::HASH, self::hash( $state ) );
		self::take_in( $answer );
		/**
		 * PointSync has answered to the report of this shop's state.
		 *
		 * @param Answer $answer
		 */
		do_action( 'pointsync_state_answered', $answer );
		return true;
	}

	public static function send_if_changed(): void {
		if ( Shop::is_connected() && Values::get_int( self::SENT_AT ) < time() - self::PAUSE_SECONDS
			&& Values::get( self::HASH ) !== self::hash( self::state() ) ) {
			self::send();
		}
	}

	/** @return array<string, mixed> */
	public static function state(): array {
		$summary = Outbox::summary();
		$feed    = Reader::state();
		return Versions::all() + array(
			'currency'        => get_woocommerce_currency(),
			'hpos'            => OrderTable::is_hpos(),
			'outbox'          => array(
				'waiting'   => $summary['waiting'],
				'oldest_at' => $summary['oldest_at'],
				'failed'    => $summary['refused'],
			),
			'feed'            => array(
				'cursor_at' => $feed['at'] ? gmdate( 'Y-m-d\TH:i:s\Z', $feed['at'] ) : null,
				'behind'    => ! $feed['is_filled'] || $feed['failed_at'] > $feed['at'],
			),
			'errors'          => Errors::all(),
			'coupons_enabled' => wc_coupons_enabled(),
			'double_counting' => array_column( DoubleCounting::webhooks(), 'name' ),
		);
	}

	/** What is worth a report of its own: not each row that waits for seconds. */
	private static function hash( array $state ): string {
		$state['outbox'] = array( $state['outbox']['failed'], self::is_old( $state['outbox']['oldest_at'] ) );
		$state['feed']   = $state['feed']['behind'];
		$state['errors'] = array_map( static fn( array $each ): string => $each['code'], $state['errors'] );
		return md5( (string) wp_json_encode( $state ) );
	}

	private static function is_old( ?string $at ): bool {
		return null !== $at && strtotime( $at ) < time() - self::PAUSE_SECONDS;
	}

	private static function take_in( Answer $answer ): void {
		$before = Shop::reserve();
		Shop::take_in( $answer );
		if ( Shop::reserve() !== $before ) {
			Reader::begin_anew();
		}
	}
}

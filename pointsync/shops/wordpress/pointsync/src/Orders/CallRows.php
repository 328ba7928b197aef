<?php

namespace PointSync\Orders;

use PointSync\Connection\Client;
use PointSync\Connection\Pace;
use PointSync\Storage\Values;

/**
 * Makes the calls that wait in the outbox, one by one, as they were written.
 */
final class CallRows {

	const MAX_SECONDS = 15.0;

	/**
	 * Make these calls in their order; whether to go on with others.
	 *
	 * @param object[] $rows
	 */
	public static function send( array $rows, float $until ): bool {
		foreach ( $rows as $row ) {
			$left = $until - microtime( true );
			if ( $left < 0.2 ) {
				return false;
			}
			$body   = json_decode( (string) $row->body, true );
			$answer = Client::call( $row->method, $row->path, is_array( $body ) ? $body : null, min( $left, self::MAX_SECONDS ) );
			if ( Pace::concerns_all( $answer ) ) {
				Outbox::note_failure( array( $row ), $answer->status, $answer->message() );
				Pace::note_failure( $answer );
				return false;
			}
			Pace::note_success();
			$is_sent = $answer->is_success();
			$text    = $is_sent ? (string) wp_json_encode( $answer->body ) : $answer->message();
			Outbox::settle( $row, $is_sent ? Outbox::SENT : Outbox::REFUSED, $answer->status, $text, Values::get( OrderReports::SEEN_AT ) );
			/**
			 * PointSync has taken in, or refused for good, a call of the outbox.
			 *
			 * @param object                        $row
			 * @param \PointSync\Connection\Answer $answer
			 */
			do_action( $is_sent ? 'pointsync_call_sent' : 'pointsync_call_refused', $row, $answer );
		}
		return true;
	}
}

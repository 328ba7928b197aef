<?php

namespace PointSync\Connection;

use PointSync\Orders\Outbox;
use PointSync\Storage\Values;

/**
 * Stops a test copy of the shop from moving real points.
 *
 * The shop knows the address with which it was connected. If it has another one now, nothing is sent until an admin
 * has said whether the shop was moved or is a copy. PointSync refuses such calls, too.
 */
final class StagingGuard {

	const REFUSED = 'guard.refused';

	public function register(): void {
		add_action( 'pointsync_answer', array( self::class, 'notice_refusal' ) );
	}

	/** The address that this shop has now. Not `home_url()`: plugins for languages change that from page to page. */
	public static function current_home(): string {
		return untrailingslashit( (string) get_option( 'home' ) );
	}

	/** Whether this shop may be a copy, so that nothing may be sent. */
	public static function is_stopped(): bool {
		return Shop::is_connected() && ! Place::is_same( Shop::home(), self::current_home() );
	}

	/** The admin says: this is the shop itself, at a new address. Returns why not, empty if it worked. */
	public static function confirm_moved(): string {
		$from   = Shop::home();
		$to     = self::current_home();
		$answer = Client::call_with_key( Shop::url(), 'POST', '/shops/moved', array( 'from' => $from, 'to' => $to ) );
		if ( ! $answer->is_success() ) {
			return $answer->message();
		}
		Shop::set( array( 'home' => $to ) );
		Values::remove( self::REFUSED );
		do_action( 'pointsync_moved' );
		return '';
	}

	/** The admin says: this is a copy. It becomes a shop of its own that is not connected; the real one goes on. */
	public static function confirm_copy(): void {
		Key::forget();
		Shop::become_another();
		Outbox::clear();
		do_action( 'pointsync_disconnected' );
	}

	/** Remember when PointSync has refused this shop's address, so that the state page can say so. */
	public static function notice_refusal( Answer $answer ): void {
		if ( 'other_address' === $answer->code() ) {
			Values::set( self::REFUSED, gmdate( 'c' ) );
		}
	}
}

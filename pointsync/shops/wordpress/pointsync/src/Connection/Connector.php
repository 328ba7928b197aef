<?php

namespace PointSync\Connection;

use PointSync\Errors;
use PointSync\Orders\OrderReports;
use PointSync\Storage\Values;

/**
 * Connects this shop with a PointSync, and ends that.
 */
final class Connector {

	/** Seconds that the exchange may take: an admin waits for it. */
	const SECONDS = 15.0;

	/**
	 * Exchange a code, as an admin has pasted it, for a key. Returns why that did not work, empty if it did.
	 */
	public static function connect( string $text ): string {
		$code = Code::parse( $text );
		if ( ! $code ) {
			return __( 'This is not a connection code. It is one line that begins with psc1. Copy it in PointSync under System › Shops › Connect a WordPress shop.', 'pointsync' );
		}
		if ( Key::is_constant() ) {
			return __( 'The key is in wp-config.php (POINTSYNC_KEY). Remove that line, connect, and put the new key there afterwards.', 'pointsync' );
		}
		$answer = Client::call_at( $code->url, 'POST', '/shops/connect', array( 'code' => $code->code ) + self::describe(), self::SECONDS );
		if ( ! $answer->is_success() || ! isset( $answer->body['key'] ) || ! is_string( $answer->body['key'] ) ) {
			return '' !== $answer->message() ? $answer->message() : __( 'PointSync did not send a key. Create a new code and try again.', 'pointsync' );
		}
		$is_same = Place::is_same( Shop::url(), $code->url );
		Key::store( $answer->body['key'] );
		Shop::set(
			array(
				'url'          => $code->url,
				'home'         => StagingGuard::current_home(),
				'connected_at' => gmdate( 'Y-m-d\TH:i:s\Z' ),
			)
		);
		Shop::take_in( $answer );
		if ( ! $is_same ) {
			OrderReports::forget();
		}
		Values::remove( StagingGuard::REFUSED );
		Values::remove( Pace::NAME );
		Errors::clear();
		/** This shop is connected: what follows PointSync begins. */
		do_action( 'pointsync_connected' );
		return '';
	}

	/** End the connection. PointSync revokes the key if it can be reached. */
	public static function disconnect(): void {
		if ( ! StagingGuard::is_stopped() ) {
			Client::call( 'POST', '/shops/disconnect' );
		}
		Key::forget();
		Shop::forget_connection();
		OrderReports::forget();
		Values::remove( Pace::NAME );
		do_action( 'pointsync_disconnected' );
	}

	/**
	 * What PointSync learns of this shop.
	 *
	 * @return array<string, string|null>
	 */
	private static function describe(): array {
		return array(
			'shop_id'  => Shop::id(),
			'home_url' => StagingGuard::current_home(),
			'name'     => wp_specialchars_decode( (string) get_bloginfo( 'name' ), ENT_QUOTES ),
			'currency' => get_woocommerce_currency(),
		) + Versions::all();
	}
}

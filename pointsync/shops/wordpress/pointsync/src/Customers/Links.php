<?php

namespace PointSync\Customers;

use PointSync\Feed\Address;

/**
 * The mail with the one-time link that verifies an address. The link works only for the account that has asked for it,
 * while it is signed in, and only as long as the account has the address to which it was sent.
 */
final class Links {

	const PARAMETER = 'pointsync-confirm';
	const ACTION    = 'pointsync_send_link';
	const HOURS     = 24;
	/** Mails to one account in a day, and seconds between two. */
	const MAX_MAILS   = 5;
	const MIN_SECONDS = 60;

	public function register(): void {
		add_action( 'template_redirect', array( self::class, 'handle' ), 5 );
	}

	/** Send the mail. Returns why not, as a sentence; empty if it was sent. */
	public static function send( \WP_User $user ): string {
		$link  = UserValues::get( $user->ID, UserValues::LINK );
		$times = is_array( $link ) && isset( $link['times'] ) ? (array) $link['times'] : array();
		$times = array_values( array_filter( $times, static fn( $at ): bool => (int) $at > time() - DAY_IN_SECONDS ) );
		if ( $times && end( $times ) > time() - self::MIN_SECONDS ) {
			return __( 'A mail was sent a moment ago. Please wait a minute, and look into your spam folder, too.', 'pointsync' );
		}
		if ( count( $times ) >= self::MAX_MAILS ) {
			return __( 'Too many mails were sent today. Please try again tomorrow.', 'pointsync' );
		}
		$token   = bin2hex( random_bytes( 24 ) );
		$times[] = time();
		UserValues::set(
			$user->ID,
			UserValues::LINK,
			array(
				'hash'  => hash( 'sha256', $token ),
				'email' => Address::key( $user->user_email ),
				'until' => time() + self::HOURS * HOUR_IN_SECONDS,
				'times' => $times,
			)
		);
		$is_sent = self::mail( $user, add_query_arg( self::PARAMETER, $token, wc_get_account_endpoint_url( AccountPage::slug() ) ) );
		return $is_sent ? '' : __( 'The mail could not be sent. Please tell the shop.', 'pointsync' );
	}

	/** A customer has opened the link, or asked for one. */
	public static function handle(): void {
		if ( isset( $_POST[ self::ACTION ] ) ) {
			self::handle_form();
		}
		if ( ! isset( $_GET[ self::PARAMETER ] ) ) {
			return;
		}
		nocache_headers();
		if ( ! is_user_logged_in() ) {
			// The account page shows the form to sign in, which leads back to the link.
			wc_add_notice( __( 'Please sign in to your account in this shop. Then your address is confirmed.', 'pointsync' ), 'notice' );
			return;
		}
		$token   = sanitize_text_field( wp_unslash( $_GET[ self::PARAMETER ] ) );
		$problem = self::redeem( wp_get_current_user(), $token );
		if ( '' === $problem ) {
			wc_add_notice( __( 'Thank you, your address is confirmed.', 'pointsync' ), 'success' );
		} else {
			wc_add_notice( $problem, 'error' );
		}
		wp_safe_redirect( wc_get_account_endpoint_url( AccountPage::slug() ) );
		exit;
	}

	/** Use the link. Returns why it does not work; empty if it does. */
	public static function redeem( \WP_User $user, string $token ): string {
		$link  = UserValues::get( $user->ID, UserValues::LINK );
		$is_it = is_array( $link ) && isset( $link['hash'], $link['email'], $link['until'] ) && hash_equals( (string) $link['hash'], hash( 'sha256', $token ) );
		if ( ! $is_it || (int) $link['until'] < time() ) {
			return __( 'This link does not work any more, or belongs to another account. Ask for a new one below.', 'pointsync' );
		}
		if ( Address::key( $user->user_email ) !== $link['email'] ) {
			return __( 'Your account has another address now. Ask for a new link below.', 'pointsync' );
		}
		UserValues::set( $user->ID, UserValues::LINK, array( 'times' => $link['times'] ) );
		VerifiedAddress::confirm( $user->ID, VerifiedAddress::BY_LINK );
		return '';
	}

	private static function handle_form(): void {
		$nonce = isset( $_POST['_wpnonce'] ) ? sanitize_text_field( wp_unslash( $_POST['_wpnonce'] ) ) : '';
		if ( ! is_user_logged_in() || ! wp_verify_nonce( $nonce, self::ACTION ) ) {
			return;
		}
		$user    = wp_get_current_user();
		$problem = self::send( $user );
		/* translators: %s: an e-mail address */
		$done = sprintf( __( 'A mail with a link was sent to %s. Open the link in this browser.', 'pointsync' ), $user->user_email );
		wc_add_notice( '' === $problem ? $done : $problem, '' === $problem ? 'success' : 'error' );
		wp_safe_redirect( wc_get_account_endpoint_url( AccountPage::slug() ) );
		exit;
	}

	private static function mail( \WP_User $user, string $url ): bool {
		$shop    = wp_specialchars_decode( get_bloginfo( 'name' ), ENT_QUOTES );
		$mailer  = WC()->mailer();
		$heading = __( 'Confirm your e-mail address', 'pointsync' );
		$text    = '<p>' . sprintf(
			/* translators: %s: the name of the shop */
			esc_html__( 'Somebody wants to see and use the points of this address in the shop %s.', 'pointsync' ),
			esc_html( $shop )
		) . '</p><p><a href="' . esc_url( $url ) . '">' . esc_html__( 'Confirm this address', 'pointsync' ) . '</a></p><p>' .
			esc_html__( 'The link works for a day, once, and only while you are signed in. If it was not you, do nothing: then nobody sees your points.', 'pointsync' ) . '</p>';
		/* translators: %s: the name of the shop */
		$subject = sprintf( __( 'Confirm your address at %s', 'pointsync' ), $shop );
		return (bool) $mailer->send( $user->user_email, $subject, $mailer->wrap_message( $heading, $text ) );
	}
}

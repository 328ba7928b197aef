<?php

namespace PointSync\Cart;

use PointSync\Customers\Texts;

/**
 * Using points on the classic pages of cart and checkout: a form that works without scripts.
 */
final class CartForm {

	const ACTION = 'pointsync_use';

	public function register(): void {
		add_action( 'woocommerce_before_cart_collaterals', array( self::class, 'show' ) );
		add_action( 'woocommerce_before_checkout_form', array( self::class, 'show' ), 15 );
		add_action( 'wp_loaded', array( self::class, 'handle' ), 30 );
	}

	public static function show(): void {
		$view = WC()->cart ? CartView::read( WC()->cart ) : array( 'state' => 'none' );
		if ( 'none' === $view['state'] ) {
			return;
		}
		wp_enqueue_style( 'pointsync' );
		wc_get_template( 'use-points.php', $view, 'pointsync/', dirname( POINTSYNC_FILE ) . '/templates/' );
	}

	/** The customer has pressed a button of the form. */
	public static function handle(): void {
		if ( ! isset( $_POST[ self::ACTION ] ) || ! WC()->cart || ! is_user_logged_in() ) {
			return;
		}
		$nonce = isset( $_POST['pointsync_nonce'] ) ? sanitize_text_field( wp_unslash( $_POST['pointsync_nonce'] ) ) : '';
		if ( ! wp_verify_nonce( $nonce, self::ACTION ) ) {
			return;
		}
		$text = isset( $_POST['pointsync_points'] ) ? sanitize_text_field( wp_unslash( $_POST['pointsync_points'] ) ) : '';
		if ( 'none' === $_POST[ self::ACTION ] ) {
			CartPoints::drop();
			wc_add_notice( __( 'Your points are not used.', 'pointsync' ) );
		} elseif ( 1 !== preg_match( '/^\d{1,12}$/', $text ) ) {
			wc_add_notice( __( 'Type how many points you want to use, as a whole number.', 'pointsync' ), 'error' );
		} else {
			self::apply( (int) $text );
		}
		// Back to the same page. WordPress's own function gives none if the form leads to where it is.
		$page = wp_get_raw_referer();
		wp_safe_redirect( $page ? wp_validate_redirect( $page, wc_get_cart_url() ) : wc_get_cart_url() );
		exit;
	}

	private static function apply( int $wanted ): void {
		wc_clear_notices();
		$used = CartPoints::apply( $wanted );
		wc_clear_notices();
		if ( ! $used ) {
			wc_add_notice( self::explain( $wanted ), 'error' );
			return;
		}
		/* translators: %s: such as "500 points" */
		wc_add_notice( sprintf( __( '%s are used for this order.', 'pointsync' ), Texts::points( $used ) ) );
	}

	/** Why so many points cannot be used. */
	public static function explain( int $wanted ): string {
		$most   = CartPoints::most( WC()->cart );
		$limits = Settings::rules( get_woocommerce_currency() )->limits();
		if ( ! $most ) {
			return __( 'For this cart, no points can be used.', 'pointsync' );
		}
		/* translators: 1: a number of points, 2: another one */
		return sprintf( __( 'You can use %1$s to %2$s points for this cart.', 'pointsync' ), number_format_i18n( max( $limits['minimum'], $limits['step'], 1 ) ), number_format_i18n( $most ) );
	}
}

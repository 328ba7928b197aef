<?php

namespace PointSync\Customers;

use PointSync\Connection\Shop;
use PointSync\Feed\Balances;

/**
 * The shortcode `[pointsync_balance]` and the block *Points balance*: the present customer's points.
 */
final class BalanceBlock {

	const BLOCK = 'pointsync/balance';

	public function register(): void {
		add_action( 'init', array( self::class, 'add' ) );
		add_action( 'wp_enqueue_scripts', array( self::class, 'add_style' ) );
	}

	public static function add(): void {
		wp_register_style( 'pointsync', plugins_url( 'assets/points.css', POINTSYNC_FILE ), array(), POINTSYNC_VERSION );
		wp_register_script(
			'pointsync-balance-block',
			plugins_url( 'assets/balance-block.js', POINTSYNC_FILE ),
			array( 'wp-blocks', 'wp-element', 'wp-i18n', 'wp-server-side-render', 'wp-block-editor' ),
			POINTSYNC_VERSION,
			true
		);
		wp_set_script_translations( 'pointsync-balance-block', 'pointsync' );
		add_shortcode( 'pointsync_balance', array( self::class, 'show' ) );
		register_block_type(
			self::BLOCK,
			array(
				'api_version'     => 2,
				'title'           => __( 'Points balance', 'pointsync' ),
				'category'        => 'woocommerce',
				'icon'            => 'awards',
				'description'     => __( 'The points of the customer who is signed in.', 'pointsync' ),
				'editor_script'   => 'pointsync-balance-block',
				'style'           => 'pointsync',
				'render_callback' => array( self::class, 'show_block' ),
				'supports'        => array( 'html' => false, 'align' => true ),
			)
		);
	}

	/** Small styles, on the shop's own pages only. */
	public static function add_style(): void {
		if ( function_exists( 'is_woocommerce' ) && ( is_woocommerce() || is_cart() || is_checkout() || is_account_page() ) ) {
			wp_enqueue_style( 'pointsync' );
		}
	}

	public static function show_block(): string {
		$text = self::show();
		return '' === $text ? '' : '<div ' . get_block_wrapper_attributes() . '>' . $text . '</div>';
	}

	/** Nothing for visitors who are not signed in, nor while the shop is not connected. */
	public static function show(): string {
		$user_id = get_current_user_id();
		if ( ! $user_id || ! Shop::is_connected() ) {
			return '';
		}
		$url = esc_url( wc_get_account_endpoint_url( AccountPage::slug() ) );
		if ( null === VerifiedAddress::of_user( $user_id ) ) {
			return '<span class="pointsync-shortcode"><a href="' . $url . '">' . esc_html__( 'Confirm your address to see your points', 'pointsync' ) . '</a></span>';
		}
		$points = (int) Balances::get( VerifiedAddress::known_as( $user_id ) );
		/* translators: %s: such as "20 points" */
		$text = sprintf( __( 'You have %s.', 'pointsync' ), Texts::points( $points ) );
		return '<span class="pointsync-shortcode"><a href="' . $url . '">' . esc_html( $text ) . '</a></span>';
	}
}

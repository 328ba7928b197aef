<?php

namespace PointSync\Customers;

/**
 * How many points one earns, on the pages of products, the cart and the classic checkout, and in the order's mails.
 */
final class Hints {

	/** The mails to customers that say how many points an order gives. */
	const MAILS = array( 'customer_on_hold_order', 'customer_processing_order', 'customer_completed_order' );

	/** @var array<int, bool> products whose hint is on this page already: themes of blocks run the classic hooks, too */
	private static $is_shown = array();

	public function register(): void {
		add_action( 'woocommerce_single_product_summary', array( self::class, 'on_product' ), 15 );
		add_filter( 'render_block_woocommerce/product-price', array( self::class, 'after_price_block' ), 10, 3 );
		add_action( 'woocommerce_cart_totals_after_order_total', array( self::class, 'in_totals' ) );
		add_action( 'woocommerce_review_order_after_order_total', array( self::class, 'in_totals' ) );
		add_action( 'woocommerce_email_after_order_table', array( self::class, 'in_mail' ), 15, 4 );
		add_action( 'woocommerce_order_details_after_order_table', array( self::class, 'after_order' ), 15 );
	}

	public static function on_product(): void {
		global $product;
		if ( $product instanceof \WC_Product ) {
			echo wp_kses_post( self::html( self::of_product( $product ) ) );
		}
	}

	/**
	 * Themes made of blocks show a product's price in a block.
	 *
	 * @param string               $content
	 * @param array<string, mixed> $block
	 * @param \WP_Block            $instance
	 */
	public static function after_price_block( $content, $block, $instance = null ): string {
		if ( ! is_product() || ! $instance instanceof \WP_Block || ! isset( $instance->context['postId'] ) || get_queried_object_id() !== (int) $instance->context['postId'] ) {
			return (string) $content;
		}
		$product = wc_get_product( (int) $instance->context['postId'] );
		return $content . ( $product ? self::html( self::of_product( $product ) ) : '' );
	}

	public static function in_totals(): void {
		$points = WC()->cart ? Earning::of_cart( WC()->cart ) : 0;
		if ( $points > 0 ) {
			echo '<tr class="pointsync-earn"><th>' . esc_html__( 'Points to earn', 'pointsync' ) . '</th><td data-title="' . esc_attr__( 'Points to earn', 'pointsync' ) . '">' . esc_html( number_format_i18n( $points ) ) . '</td></tr>';
		}
	}

	/**
	 * @param \WC_Order $order
	 * @param bool      $to_admin
	 * @param bool      $plain_text
	 * @param \WC_Email|null $email
	 */
	public static function in_mail( $order, $to_admin = false, $plain_text = false, $email = null ): void {
		$is_told = ! $to_admin && $email instanceof \WC_Email && in_array( $email->id, self::MAILS, true );
		$text    = $is_told && $order instanceof \WC_Order ? self::of_order( $order ) : '';
		if ( '' === $text ) {
			return;
		}
		echo $plain_text ? "\n" . esc_html( $text ) . "\n" : '<p>' . esc_html( $text ) . '</p>';
	}

	/** @param \WC_Order $order */
	public static function after_order( $order ): void {
		$text = self::of_order( $order );
		if ( '' !== $text ) {
			echo '<p class="pointsync-earn">' . esc_html( $text ) . '</p>';
		}
	}

	/** A sentence about the points of an order; empty if it gives none. */
	private static function of_order( \WC_Order $order ): string {
		if ( in_array( $order->get_status(), array( 'cancelled', 'failed', 'refunded', 'pending', 'checkout-draft' ), true ) ) {
			return '';
		}
		$points = Earning::of_order( $order );
		/* translators: %s: such as "20 points" */
		return $points > 0 ? sprintf( __( 'This order gives you %s.', 'pointsync' ), Texts::points( $points ) ) : '';
	}

	private static function of_product( \WC_Product $product ): string {
		$points = isset( self::$is_shown[ $product->get_id() ] ) ? 0 : Earning::of_product( $product );
		if ( $points <= 0 ) {
			return '';
		}
		self::$is_shown[ $product->get_id() ] = true;
		if ( $product->is_type( array( 'variable', 'grouped' ) ) ) {
			/* translators: %s: such as "20 points" */
			return sprintf( __( 'Gives you %s or more.', 'pointsync' ), Texts::points( $points ) );
		}
		/* translators: %s: such as "20 points" */
		return sprintf( __( 'Gives you %s.', 'pointsync' ), Texts::points( $points ) );
	}

	private static function html( string $text ): string {
		return '' === $text ? '' : '<p class="pointsync-earn">' . esc_html( $text ) . '</p>';
	}
}

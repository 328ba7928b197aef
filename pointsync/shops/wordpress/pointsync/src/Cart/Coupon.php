<?php

namespace PointSync\Cart;

use PointSync\Customers\Texts;
use PointSync\Customers\VerifiedAddress;
use PointSync\Spending\OrderFacts;

/**
 * The coupon that stands for points. It exists only in the session of the customer who uses them, so a code that
 * somebody else types is unknown.
 */
final class Coupon {

	public function register(): void {
		add_filter( 'woocommerce_get_shop_coupon_data', array( self::class, 'find' ), 10, 2 );
		add_filter( 'woocommerce_coupon_is_valid', array( self::class, 'is_valid' ), 10, 3 );
		add_filter( 'woocommerce_coupon_is_valid_for_cart', array( self::class, 'is_for_whole_cart' ), 10, 2 );
		add_filter( 'woocommerce_coupon_is_valid_for_product', array( self::class, 'is_for_product' ), 10, 3 );
		add_filter( 'woocommerce_coupon_sort', array( self::class, 'sort_last' ), 10, 2 );
		add_filter( 'woocommerce_cart_totals_coupon_label', array( self::class, 'label' ), 10, 2 );
		add_filter( 'woocommerce_coupon_message', array( self::class, 'message' ), 10, 3 );
		add_action( 'woocommerce_checkout_create_order_coupon_item', array( self::class, 'mark_line' ), 10, 2 );
	}

	/**
	 * The coupon of the session.
	 *
	 * @param mixed $found
	 * @param mixed $code
	 * @return mixed
	 */
	public static function find( $found, $code ) {
		if ( $found || ! is_string( $code ) || ! CartPoints::is_code( $code ) || CartPoints::code() !== $code ) {
			return $found;
		}
		return array(
			'discount_type'  => 'fixed_cart',
			'amount'         => CartPoints::amount(),
			'individual_use' => ! Settings::is_combinable(),
			'description'    => __( 'Paid with points', 'pointsync' ),
		);
	}

	/**
	 * @param bool          $is_valid
	 * @param \WC_Coupon    $coupon
	 * @param \WC_Discounts $discounts
	 * @throws \Exception With a sentence for the customer.
	 */
	public static function is_valid( $is_valid, $coupon, $discounts ): bool {
		if ( ! CartPoints::is_code( $coupon->get_code() ) ) {
			return (bool) $is_valid;
		}
		if ( ! $discounts->get_object() instanceof \WC_Cart || CartPoints::code() !== $coupon->get_code() ) {
			throw new \Exception( esc_html__( 'Points can only be used by their owner, in the cart.', 'pointsync' ) );
		}
		return (bool) $is_valid;
	}

	/**
	 * Points pay for products one by one, so that excluded ones stay out and do not stop the others.
	 *
	 * @param bool       $is_for_cart
	 * @param \WC_Coupon $coupon
	 */
	public static function is_for_whole_cart( $is_for_cart, $coupon ): bool {
		return CartPoints::is_code( $coupon->get_code() ) ? false : (bool) $is_for_cart;
	}

	/**
	 * @param bool              $is_valid
	 * @param \WC_Product|false $product
	 * @param \WC_Coupon        $coupon
	 */
	public static function is_for_product( $is_valid, $product, $coupon ): bool {
		if ( ! CartPoints::is_code( $coupon->get_code() ) ) {
			return (bool) $is_valid;
		}
		return ! $product instanceof \WC_Product || ! Settings::is_excluded( $product );
	}

	/**
	 * Other coupons first: points pay what is left.
	 *
	 * @param int        $sort
	 * @param \WC_Coupon $coupon
	 */
	public static function sort_last( $sort, $coupon ): int {
		return CartPoints::is_code( $coupon->get_code() ) ? 99 : (int) $sort;
	}

	/**
	 * @param string     $label
	 * @param \WC_Coupon $coupon
	 */
	public static function label( $label, $coupon ): string {
		return CartPoints::is_code( $coupon->get_code() ) ? Texts::points( CartPoints::points() ) : (string) $label;
	}

	/**
	 * @param string     $message
	 * @param int        $code
	 * @param \WC_Coupon $coupon
	 */
	public static function message( $message, $code, $coupon ): string {
		if ( ! $coupon instanceof \WC_Coupon || ! CartPoints::is_code( $coupon->get_code() ) ) {
			return (string) $message;
		}
		return \WC_Coupon::WC_COUPON_SUCCESS === $code ? __( 'Your points are used for this order.', 'pointsync' ) : __( 'Your points are not used.', 'pointsync' );
	}

	/**
	 * The order remembers whose points they are, and how many.
	 *
	 * @param \WC_Order_Item_Coupon $line
	 * @param string                $code
	 */
	public static function mark_line( $line, $code ): void {
		if ( CartPoints::is_code( (string) $code ) && CartPoints::code() === $code ) {
			$line->add_meta_data( OrderFacts::POINTS, CartPoints::points(), true );
			$line->add_meta_data( OrderFacts::EMAIL, (string) VerifiedAddress::of_user( get_current_user_id() ), true );
		}
	}
}

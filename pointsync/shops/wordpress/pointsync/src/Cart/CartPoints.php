<?php

namespace PointSync\Cart;

use PointSync\Customers\VerifiedAddress;
use PointSync\Feed\Balances;
use PointSync\Spending\Account;

/**
 * The points that a customer wants to use for the present cart: kept in the session, and applied as a coupon.
 *
 * The coupon's code changes whenever the number of points does, since the Store API looks at codes to see whether the
 * coupons of a draft order have changed.
 */
final class CartPoints {

	const SESSION = 'pointsync_points';
	const PREFIX  = 'points-';
	const PATTERN = '/^points-[a-z0-9]{12}$/';

	/** @var bool whether the totals are being calculated once more */
	private static $is_adjusting = false;

	public function register(): void {
		add_action( 'woocommerce_before_calculate_totals', array( self::class, 'fit' ), 1 );
		add_action( 'woocommerce_after_calculate_totals', array( self::class, 'shrink_to_discount' ), 1 );
		add_action( 'woocommerce_removed_coupon', array( self::class, 'forget_code' ) );
		add_action( 'woocommerce_cart_emptied', array( self::class, 'forget' ) );
	}

	/** Use so many points, or as many as possible. Returns how many they are; 0 if none can be used. */
	public static function apply( int $wanted ): int {
		self::drop();
		$cart   = WC()->cart;
		$rules  = self::rules();
		$points = $rules->fit( $wanted, self::most( $cart ) );
		if ( ! $points || ! wc_coupons_enabled() ) {
			return 0;
		}
		$code = self::store( $wanted, $points );
		if ( ! $cart->apply_coupon( $code ) ) {
			self::forget();
			return 0;
		}
		$cart->calculate_totals();
		return self::used();
	}

	/** Use no points. */
	public static function drop(): void {
		$code = self::code();
		self::forget();
		if ( '' !== $code && WC()->cart && WC()->cart->has_discount( $code ) ) {
			WC()->cart->remove_coupon( $code );
			WC()->cart->calculate_totals();
		}
	}

	/** The points that the cart uses now; 0 if none. */
	public static function used(): int {
		$code = self::code();
		return '' !== $code && WC()->cart && WC()->cart->has_discount( $code ) ? self::points() : 0;
	}

	/** What the used points pay, as a text with a point such as `5.00`. */
	public static function amount(): string {
		return Money::to_text( self::rules()->amount_of( self::points() ), wc_get_price_decimals() );
	}

	/** The most points that this customer can use for this cart. */
	public static function most( \WC_Cart $cart ): int {
		return self::rules()->most( self::free(), self::goods( $cart ) );
	}

	/** The points of the present customer that no other order holds; 0 unless the address is verified. */
	public static function free(): int {
		$email = VerifiedAddress::of_user( get_current_user_id() );
		if ( null === $email || ! WC()->session ) {
			return 0;
		}
		$own = (int) WC()->session->get( 'order_awaiting_payment' );
		$own = $own ? $own : (int) WC()->session->get( 'store_api_draft_order' );
		return max( 0, (int) Balances::get( VerifiedAddress::known_as( get_current_user_id() ) ) - Account::held_by( $email, $own ) );
	}

	/** The code of the session's coupon; empty if there is none, or if another user has signed in since. */
	public static function code(): string {
		$state = self::state();
		return isset( $state['code'] ) ? (string) $state['code'] : '';
	}

	public static function points(): int {
		$state = self::state();
		return isset( $state['points'] ) ? (int) $state['points'] : 0;
	}

	/** Whether a coupon code is one of those that stand for points. */
	public static function is_code( string $code ): bool {
		return 1 === preg_match( self::PATTERN, $code );
	}

	/** The cart, the balance or the rules may have changed: use fewer points, or again as many as were wanted. */
	public static function fit( \WC_Cart $cart ): void {
		$code = self::code();
		foreach ( $cart->get_applied_coupons() as $applied ) {
			if ( $applied !== $code && self::is_code( $applied ) ) {
				$cart->set_applied_coupons( array_values( array_diff( $cart->get_applied_coupons(), array( $applied ) ) ) );
			}
		}
		if ( '' === $code || ! $cart->has_discount( $code ) || self::$is_adjusting ) {
			return;
		}
		$state  = self::state();
		$most   = self::most( $cart );
		$points = self::rules()->fit( (int) $state['wanted'], $most );
		if ( isset( $state['limit'], $state['limit_for'] ) && $state['limit_for'] === self::fingerprint( $cart ) ) {
			$points = min( $points, (int) $state['limit'] );
		}
		if ( $points !== (int) $state['points'] ) {
			self::change( $cart, $points );
		}
	}

	/** If other coupons have left less to pay than the points are worth, use only the points that pay something. */
	public static function shrink_to_discount( \WC_Cart $cart ): void {
		$code = self::code();
		if ( '' === $code || ! $cart->has_discount( $code ) || self::$is_adjusting ) {
			return;
		}
		$rules    = self::rules();
		$discount = (int) Money::to_units( (float) $cart->get_coupon_discount_amount( $code, ! wc_prices_include_tax() ), wc_get_price_decimals() );
		if ( $discount >= $rules->amount_of( self::points() ) ) {
			return;
		}
		$points = $rules->points_for( $discount );
		$points = $rules->amount_of( $points ) > $discount ? $points - 1 : $points;
		self::$is_adjusting = true;
		self::change( $cart, $rules->fit( $points, $points ) );
		WC()->session->set( self::SESSION, array_merge( self::state(), array( 'limit' => self::points(), 'limit_for' => self::fingerprint( $cart ) ) ) );
		$cart->calculate_totals();
		self::$is_adjusting = false;
	}

	/** The customer has taken the coupon off. */
	public static function forget_code( string $code ): void {
		if ( $code === self::code() ) {
			self::forget();
		}
	}

	public static function forget(): void {
		if ( WC()->session && WC()->session->get( self::SESSION ) ) {
			WC()->session->set( self::SESSION, null );
		}
	}

	/** The price of the goods that points can pay for, as the discounts see it: with tax if the prices have it. */
	public static function goods( \WC_Cart $cart ): int {
		$goods = 0;
		foreach ( $cart->get_cart() as $item ) {
			if ( ! Settings::is_excluded( $item['data'] ) ) {
				$goods += (int) Money::to_units( (float) $item['data']->get_price() * (float) $item['quantity'], wc_get_price_decimals() );
			}
		}
		return $goods;
	}

	private static function change( \WC_Cart $cart, int $points ): void {
		$state   = self::state();
		$coupons = array_diff( $cart->get_applied_coupons(), array( (string) $state['code'] ) );
		if ( $points ) {
			$coupons[] = self::store( (int) $state['wanted'], $points );
		} else {
			self::forget();
		}
		$cart->set_applied_coupons( array_values( $coupons ) );
	}

	/** Remember the points; returns the new code of the coupon. */
	private static function store( int $wanted, int $points ): string {
		$code = self::PREFIX . substr( strtolower( wp_generate_password( 40, false ) ), 0, 12 );
		WC()->session->set(
			self::SESSION,
			array(
				'user'   => get_current_user_id(),
				'code'   => $code,
				'wanted' => $wanted,
				'points' => $points,
			)
		);
		return $code;
	}

	/** @return array<string, mixed> */
	private static function state(): array {
		$state = WC()->session ? WC()->session->get( self::SESSION ) : null;
		$user  = get_current_user_id();
		$is_it = is_array( $state ) && $user && isset( $state['user'], $state['code'], $state['wanted'], $state['points'] ) && $user === $state['user'];
		return $is_it && null !== VerifiedAddress::of_user( $user ) ? $state : array();
	}

	private static function rules(): Rules {
		return Settings::rules( get_woocommerce_currency() );
	}

	/** What the limit depends on: the cart's goods and its other coupons. */
	private static function fingerprint( \WC_Cart $cart ): string {
		$others = array_filter( $cart->get_applied_coupons(), static fn( string $code ): bool => ! self::is_code( $code ) );
		return md5( self::goods( $cart ) . '|' . implode( '|', $others ) );
	}
}

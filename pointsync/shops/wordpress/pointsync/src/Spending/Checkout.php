<?php

namespace PointSync\Spending;

use PointSync\Cart\CartPoints;
use PointSync\Connection\Shop;
use PointSync\Schedule;

/**
 * Holds the points of an order before it is paid: in the classic checkout, the Store API, and on the page where an
 * existing order is paid. PointSync has three seconds; without an answer the customer goes on without the points.
 */
final class Checkout {

	const SECONDS      = 3.0;
	const INSUFFICIENT = 'insufficient';
	const UNAVAILABLE  = 'unavailable';

	public function register(): void {
		add_action( 'woocommerce_checkout_order_processed', array( self::class, 'of_classic' ), 1, 3 );
		add_action( 'woocommerce_store_api_checkout_order_processed', array( self::class, 'of_store_api' ), 1 );
		add_action( 'woocommerce_before_pay_action', array( self::class, 'of_payment_page' ), 1 );
	}

	/**
	 * @param int                  $order_id
	 * @param array<string, mixed> $data
	 * @param \WC_Order            $order
	 * @throws \Exception The checkout shows its message.
	 */
	public static function of_classic( $order_id, $data, $order ): void {
		$problem = self::hold( $order );
		if ( '' === $problem ) {
			return;
		}
		self::go_on_without( $order );
		// The whole page is loaded again, since more than the totals has changed.
		WC()->session->set( 'reload_checkout', true );
		throw new \Exception( esc_html( self::explain( $problem, $order ) ) );
	}

	/**
	 * @param \WC_Order $order
	 * @throws \Exception The checkout shows its message, and the new totals.
	 */
	public static function of_store_api( $order ): void {
		$line    = OrderFacts::coupon_line( $order );
		$problem = self::hold( $order );
		if ( '' === $problem ) {
			return;
		}
		// An existing order that is paid on its own page has nothing to do with the present cart.
		$is_cart = $line && WC()->cart && $line->get_code() === CartPoints::code();
		if ( $is_cart ) {
			self::go_on_without( $order );
		} else {
			self::remove_points( $order );
		}
		$exception = 'Automattic\\WooCommerce\\StoreApi\\Exceptions\\RouteException';
		throw new $exception( 'pointsync_points_not_used', esc_html( self::explain( $problem, $order ) ), $is_cart ? 409 : 400 );
	}

	/** @param \WC_Order $order */
	public static function of_payment_page( $order ): void {
		$problem = self::hold( $order );
		if ( '' === $problem ) {
			return;
		}
		self::remove_points( $order );
		wc_add_notice( self::explain( $problem, $order ), 'error' );
		wp_safe_redirect( $order->get_checkout_payment_url() );
		exit;
	}

	/** Hold the points that the order uses. Returns why not; empty if they are held, or if it uses none. */
	public static function hold( \WC_Order $order ): string {
		$account = Account::of_order( $order );
		$line    = OrderFacts::coupon_line( $order );
		if ( ! $line ) {
			if ( $account ) {
				self::settle_later( $account );
			}
			return '';
		}
		$account = self::open_account( $order, $line, $account );
		if ( $account->taken - $account->returned >= $account->points ) {
			return '';
		}
		$until = microtime( true ) + self::SECONDS;
		while ( ! Settle::lease( $account->id ) ) {
			if ( microtime( true ) > $until ) {
				return self::UNAVAILABLE;
			}
			usleep( 100000 );
		}
		$account = Account::read( $account->id );
		if ( ! $account ) {
			return self::UNAVAILABLE;
		}
		$problem = self::call( $account, $order, (int) $line->get_meta( OrderFacts::POINTS ), (string) $line->get_meta( OrderFacts::EMAIL ), $until );
		Settle::end_lease( $account->id );
		return $problem;
	}

	/** The row of an order whose points are about to be held, or taken. */
	public static function open_account( \WC_Order $order, \WC_Order_Item_Coupon $line, ?Account $account ): Account {
		if ( $account ) {
			return $account;
		}
		$points  = (int) $line->get_meta( OrderFacts::POINTS );
		$email   = (string) $line->get_meta( OrderFacts::EMAIL );
		$account = new Account( $order->get_id(), $order->get_order_key(), $email, Shop::reserve(), $points );
		$account->save();
		return $account;
	}

	private static function call( Account $account, \WC_Order $order, int $points, string $email, float $until ): string {
		$is_other = Step::NONE !== $account->hold_state && ( $account->hold_points !== $points || $account->email !== $email || Step::ASKED === $account->hold_state );
		if ( $is_other && Outcome::GO_ON !== self::step( $account, Step::release( $account ), $order, $until ) ) {
			return self::UNAVAILABLE;
		}
		$account->points = $points;
		$account->email  = $email;
		for ( $count = 0; $count < 3; $count++ ) {
			$step   = Step::hold( $account, $points );
			$number = Step::HELD === $account->hold_state ? $account->hold_number : $step['number'];
			$step   = array( 'number' => $number ) + $step;
			$result = self::step( $account, $step, $order, $until );
			if ( Outcome::GO_ON !== $result ) {
				return self::give_up( $account, $step, $result );
			}
			if ( Step::HELD === $account->hold_state ) {
				return '';
			}
		}
		return self::UNAVAILABLE;
	}

	/** @param array<string, mixed> $step */
	private static function step( Account $account, array $step, \WC_Order $order, float $until ): string {
		$seconds = $until - microtime( true );
		return $seconds > 0.1 ? Settle::take_step( $account, $step, $order, $seconds ) : Outcome::LATER;
	}

	/**
	 * Without an answer nobody knows whether the points are held: they are set free later.
	 *
	 * @param array<string, mixed> $step
	 */
	private static function give_up( Account $account, array $step, string $result ): string {
		$problem = Outcome::INSUFFICIENT === $account->problem ? self::INSUFFICIENT : self::UNAVAILABLE;
		if ( Outcome::LATER === $result ) {
			$account->hold_number = (int) $step['number'];
			$account->hold_points = (int) $step['points'];
			$account->hold_state  = Step::ASKED;
			$account->hold_until  = gmdate( 'Y-m-d H:i:s', time() + HOUR_IN_SECONDS );
		}
		$account->step    = null;
		$account->problem = '';
		$account->message = '';
		$account->save();
		return $problem;
	}

	/** Take the points off the order and the cart; the same order is used when the customer goes on. */
	private static function go_on_without( \WC_Order $order ): void {
		self::remove_points( $order );
		CartPoints::drop();
		$order->set_cart_hash( WC()->cart->get_cart_hash() );
		$order->save();
		WC()->session->set( 'order_awaiting_payment', $order->get_id() );
	}

	/** Take the points off an order that is not paid. */
	public static function remove_points( \WC_Order $order ): void {
		$line = OrderFacts::coupon_line( $order );
		if ( $line ) {
			$order->remove_coupon( $line->get_code() );
			$order->save();
		}
		$account = Account::of_order( $order );
		if ( $account ) {
			self::settle_later( $account );
		}
	}

	private static function settle_later( Account $account ): void {
		Account::set_due( $account->id );
		Schedule::soon();
	}

	private static function explain( string $problem, \WC_Order $order ): string {
		$total = wp_strip_all_tags( html_entity_decode( $order->get_formatted_order_total(), ENT_QUOTES, 'UTF-8' ) );
		if ( self::INSUFFICIENT === $problem ) {
			/* translators: %s: an amount of money */
			return sprintf( __( 'You do not have enough points any more, so none are used. The total is %s now. Please check it, and place the order again.', 'pointsync' ), $total );
		}
		/* translators: %s: an amount of money */
		return sprintf( __( 'Points cannot be used at the moment, so none are used. The total is %s now. Please check it, and place the order again.', 'pointsync' ), $total );
	}
}

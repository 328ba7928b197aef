<?php

namespace PointSync\Cart;

use PointSync\Connection\Shop;
use PointSync\Customers\AccountPage;
use PointSync\Customers\Earning;
use PointSync\Customers\Texts;
use PointSync\Customers\VerifiedAddress;

/**
 * What the present customer sees about points at the cart: the same for the classic pages and the blocks.
 */
final class CartView {

	/**
	 * The texts and numbers. `state` is `none` (nothing to show), `confirm` (the address is not verified), `few` (too few
	 * points for this cart), `offer` (points can be used) or `used`.
	 *
	 * @return array<string, string|int>
	 */
	public static function read( \WC_Cart $cart ): array {
		$user_id = get_current_user_id();
		$view    = array(
			'state'   => 'none',
			'title'   => '',
			'text'    => '',
			'label'   => __( 'Points to use', 'pointsync' ),
			'button'  => __( 'Use points', 'pointsync' ),
			'url'     => '',
			'code'    => '',
			'coupon'  => '',
			'most'    => 0,
			'minimum' => 0,
			'step'    => 1,
			'used'    => 0,
			'earn'    => self::earn( $cart ),
		);
		if ( ! $user_id || ! Shop::is_connected() || ! Settings::allow_spending( get_woocommerce_currency() ) ) {
			return $view;
		}
		$view['title'] = Texts::title();
		if ( null === VerifiedAddress::of_user( $user_id ) ) {
			$view['state']  = 'confirm';
			$view['text']   = __( 'Do you have points? Confirm your address to use them.', 'pointsync' );
			$view['button'] = __( 'Confirm my address', 'pointsync' );
			$view['url']    = wc_get_account_endpoint_url( AccountPage::slug() );
			return $view;
		}
		return array_merge( $view, self::of_customer( $cart ) );
	}

	/** @return array<string, string|int> */
	private static function of_customer( \WC_Cart $cart ): array {
		$free  = CartPoints::free();
		$used  = CartPoints::used();
		$rules = Settings::rules( get_woocommerce_currency() );
		if ( $used ) {
			return array(
				'state'  => 'used',
				'used'   => $used,
				'code'   => CartPoints::code(),
				'coupon' => Texts::points( $used ),
				/* translators: 1: such as "500 points", 2: an amount of money */
				'text'   => sprintf( __( '%1$s pay %2$s.', 'pointsync' ), Texts::points( $used ), self::money( $rules->amount_of( $used ) ) ),
				'button' => __( 'Do not use points', 'pointsync' ),
			);
		}
		if ( $free <= 0 ) {
			return array();
		}
		$most = CartPoints::most( $cart );
		if ( ! $most ) {
			return array(
				'state' => 'few',
				/* translators: %s: such as "20 points" */
				'text'  => sprintf( __( 'You have %s. For this cart, none can be used.', 'pointsync' ), Texts::points( $free ) ),
			);
		}
		$limits = $rules->limits();
		return array(
			'state'   => 'offer',
			'most'    => $most,
			'minimum' => max( $limits['minimum'], $limits['step'], 1 ),
			'step'    => $limits['step'],
			/* translators: 1: such as "800 points", 2: such as "500 points", 3: an amount of money */
			'text'    => sprintf( __( 'You have %1$s. With %2$s you pay %3$s of this cart.', 'pointsync' ), Texts::points( $free ), Texts::points( $most ), self::money( $rules->amount_of( $most ) ) ),
		);
	}

	/** Such as "Points to earn: 20"; empty if there are none. */
	private static function earn( \WC_Cart $cart ): string {
		$points = Earning::of_cart( $cart );
		/* translators: %s: such as "20 points" */
		return $points > 0 ? sprintf( __( 'This order gives you %s.', 'pointsync' ), Texts::points( $points ) ) : '';
	}

	private static function money( int $units ): string {
		$html = wc_price( (float) Money::to_text( $units, wc_get_price_decimals() ) );
		return html_entity_decode( wp_strip_all_tags( $html ), ENT_QUOTES, 'UTF-8' );
	}
}

<?php

namespace PointSync\Cart;

/**
 * Using points in the blocks of cart and checkout: data in the Store API's cart, and a script that shows them.
 */
final class StoreApi {

	const NAME = 'pointsync';

	public function register(): void {
		add_action( 'woocommerce_blocks_loaded', array( self::class, 'extend' ) );
		add_action( 'woocommerce_blocks_cart_block_registration', array( self::class, 'add_script' ) );
		add_action( 'woocommerce_blocks_checkout_block_registration', array( self::class, 'add_script' ) );
		if ( did_action( 'woocommerce_blocks_loaded' ) ) {
			self::extend();
		}
	}

	public static function extend(): void {
		if ( ! function_exists( 'woocommerce_store_api_register_endpoint_data' ) || ! function_exists( 'woocommerce_store_api_register_update_callback' ) ) {
			return;
		}
		woocommerce_store_api_register_endpoint_data(
			array(
				'endpoint'        => 'cart',
				'namespace'       => self::NAME,
				'data_callback'   => array( self::class, 'read' ),
				'schema_callback' => array( self::class, 'schema' ),
				'schema_type'     => ARRAY_A,
			)
		);
		woocommerce_store_api_register_update_callback(
			array(
				'namespace' => self::NAME,
				'callback'  => array( self::class, 'update' ),
			)
		);
	}

	/** @return array<string, string|int> */
	public static function read(): array {
		return WC()->cart ? CartView::read( WC()->cart ) : array();
	}

	/** @return array<string, array<string, mixed>> */
	public static function schema(): array {
		$schema = array();
		foreach ( array( 'state', 'title', 'text', 'label', 'button', 'url', 'code', 'coupon', 'earn' ) as $name ) {
			$schema[ $name ] = array( 'type' => 'string' );
		}
		foreach ( array( 'most', 'minimum', 'step', 'used' ) as $name ) {
			$schema[ $name ] = array( 'type' => 'integer' );
		}
		return array_map(
			static fn( array $field ): array => $field + array(
				'description' => __( 'What the customer sees about points.', 'pointsync' ),
				'context'     => array( 'view', 'edit' ),
				'readonly'    => true,
			),
			$schema
		);
	}

	/**
	 * The customer wants to use `points` points; 0 for none.
	 *
	 * @param array<string, mixed> $data
	 * @throws \Exception With a sentence for the customer.
	 */
	public static function update( $data ): void {
		$wanted = isset( $data['points'] ) ? $data['points'] : null;
		if ( ! is_int( $wanted ) || $wanted < 0 || ! WC()->cart ) {
			self::refuse( __( 'Type how many points you want to use, as a whole number.', 'pointsync' ) );
		}
		if ( 0 === $wanted ) {
			CartPoints::drop();
			return;
		}
		$used = CartPoints::apply( (int) $wanted );
		wc_clear_notices();
		if ( ! $used ) {
			self::refuse( CartForm::explain( (int) $wanted ) );
		}
	}

	/** @param object $registry of WooCommerce's blocks */
	public static function add_script( $registry ): void {
		$registry->register( new BlockScript() );
	}

	/** @throws \Exception Always. */
	private static function refuse( string $message ): void {
		$exception = 'Automattic\\WooCommerce\\StoreApi\\Exceptions\\RouteException';
		throw new $exception( 'pointsync_points', esc_html( $message ), 400 );
	}
}

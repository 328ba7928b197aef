<?php

namespace PointSync\Cart;

use PointSync\Storage\Options;

/**
 * How points are spent in this shop, as its admin has set it. The option is loaded with each page.
 */
final class Settings {

	/** The rules for prices in this currency. */
	public static function rules( string $currency ): Rules {
		$stored = self::all();
		$value  = isset( $stored['values'][ $currency ] ) ? (string) $stored['values'][ $currency ] : '0';
		return new Rules( $value, wc_get_price_decimals(), $stored['minimum'], $stored['maximum'], $stored['percent'], $stored['step'] );
	}

	/** Whether points can be spent in this currency. WooCommerce's coupons carry them, so they must be on. */
	public static function allow_spending( string $currency ): bool {
		return self::rules( $currency )->allow_spending() && wc_coupons_enabled();
	}

	/** Whether points cannot pay for this product. */
	public static function is_excluded( \WC_Product $product ): bool {
		$stored = self::all();
		$ids    = array( $product->get_id(), $product->get_parent_id() );
		if ( array_intersect( $ids, $stored['products'] ) ) {
			return true;
		}
		return $stored['categories'] && array_intersect( self::categories_of( $product ), $stored['categories'] );
	}

	public static function is_combinable(): bool {
		return self::all()['combinable'];
	}

	/** Whether pages tell how many points one earns. */
	public static function shows_hints(): bool {
		return self::all()['hints'];
	}

	/**
	 * All settings, with what is not stored as it is by default: points cannot be spent until they have a value.
	 *
	 * @return array{values: array<string, string>, minimum: int, maximum: int, percent: int, step: int, products: int[], categories: int[], combinable: bool, hints: bool}
	 */
	public static function all(): array {
		return array_merge(
			array(
				'values'     => array(),
				'minimum'    => 0,
				'maximum'    => 0,
				'percent'    => 100,
				'step'       => 1,
				'products'   => array(),
				'categories' => array(),
				'combinable' => true,
				'hints'      => true,
			),
			Options::get_array( Options::SPENDING )
		);
	}

	/** @param array<string, mixed> $settings as `all()` gives them */
	public static function store( array $settings ): void {
		Options::set( Options::SPENDING, $settings );
	}

	/**
	 * The categories of a product and those above them.
	 *
	 * @return int[]
	 */
	public static function categories_of( \WC_Product $product ): array {
		$id = $product->get_parent_id() ? $product->get_parent_id() : $product->get_id();
		return array_map( 'intval', (array) wc_get_product_cat_ids( $id ) );
	}
}

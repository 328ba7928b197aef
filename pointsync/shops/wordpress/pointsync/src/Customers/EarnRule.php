<?php

namespace PointSync\Customers;

/**
 * How many points an amount gives, by the rule that PointSync has told. Only for hints: PointSync computes what orders
 * give. Pure.
 */
final class EarnRule {

	const GOODS = 'goods';
	const TOTAL = 'total';

	/** @var array<string, mixed> */
	private $rule;
	/** @var string */
	private $currency;
	/** @var bool whether the currency is the shop's own */
	private $is_own;

	/**
	 * @param array<string, mixed> $rule     as PointSync tells it
	 * @param string               $currency of the prices
	 * @param string               $own      the shop's own currency
	 */
	public function __construct( array $rule, string $currency, string $own ) {
		$this->rule     = $rule;
		$this->currency = $currency;
		$this->is_own   = $currency === $own;
	}

	/** The points for an amount, rounded down. */
	public function points( float $amount ): int {
		if ( $amount <= 0 || $amount + 0.000001 < $this->number( 'minimums' ) ) {
			return 0;
		}
		return (int) floor( $amount * $this->number( 'rates' ) + 0.000001 );
	}

	/** Whether anything gives points in this currency. */
	public function gives_points(): bool {
		return $this->number( 'rates' ) > 0;
	}

	/** Whether the amounts that count have tax. */
	public function counts_tax(): bool {
		return self::GOODS !== $this->base();
	}

	/** Whether shipping counts, too. */
	public function counts_total(): bool {
		return self::TOTAL === $this->base();
	}

	/**
	 * Whether a product gives points.
	 *
	 * @param int[] $ids        of the product, and of the product whose variation it is
	 * @param int[] $categories
	 */
	public function counts_product( array $ids, array $categories, bool $is_on_sale ): bool {
		if ( $this->counts_total() ) {
			return true;
		}
		return ! array_intersect( $ids, $this->items( 'excluded_products' ) )
			&& ! array_intersect( $categories, $this->items( 'excluded_categories' ) )
			&& ! ( $is_on_sale && ! empty( $this->rule['excludes_sale_items'] ) );
	}

	/** @param string[] $roles of the customer */
	public function counts_roles( array $roles ): bool {
		return ! array_intersect( $roles, $this->items( 'excluded_roles' ) );
	}

	private function base(): string {
		return isset( $this->rule['base'] ) ? (string) $this->rule['base'] : self::GOODS;
	}

	/** @return array<int, mixed> */
	private function items( string $name ): array {
		return isset( $this->rule[ $name ] ) && is_array( $this->rule[ $name ] ) ? $this->rule[ $name ] : array();
	}

	/** A number of the rule for this currency, such as `0.5` or `1/3`; 0 if it has none. */
	private function number( string $name ): float {
		$by_currency = $this->items( $name );
		$text        = '';
		foreach ( array( $this->currency, $this->is_own ? '' : null, '*' ) as $code ) {
			if ( null !== $code && isset( $by_currency[ $code ] ) ) {
				$text = (string) $by_currency[ $code ];
				break;
			}
		}
		$parts = explode( '/', $text );
		$under = isset( $parts[1] ) ? (float) $parts[1] : 1.0;
		return $under > 0 ? (float) $parts[0] / $under : 0.0;
	}
}

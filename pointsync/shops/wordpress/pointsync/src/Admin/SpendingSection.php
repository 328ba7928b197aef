<?php

namespace PointSync\Admin;

use PointSync\Cart\Money;
use PointSync\Cart\Rules;
use PointSync\Cart\Settings;
use PointSync\Storage\Values;

/**
 * The settings of spending on the plugin's page: what a point is worth, and what limits there are.
 */
final class SpendingSection {

	/** What was typed and not saved, for the next view of the form. */
	const TYPED      = 'spending.typed';
	const MAX_POINTS = 1000000000;

	public function register(): void {
		add_action( 'pointsync_page_sections', array( self::class, 'show' ) );
	}

	public static function show(): void {
		$typed  = Values::get_array( self::TYPED );
		$stored = self::as_typed();
		$values = array_merge( $stored, array_intersect_key( $typed, $stored ) );
		Values::remove( self::TYPED );
		echo '<h2 id="pointsync-spending">' . esc_html__( 'Spending points', 'pointsync' ) . '</h2>';
		if ( ! wc_coupons_enabled() ) {
			echo '<div class="notice notice-warning inline"><p>' . esc_html__( 'Points are used like a coupon, but coupons are switched off in this shop. Switch them on under WooCommerce › Settings › General › Enable coupons. Until then, customers can see their points, but not spend them.', 'pointsync' ) . '</p></div>';
		}
		Form::begin( 'spending' );
		echo '<table class="form-table" role="presentation"><tbody>';
		foreach ( self::currencies() as $currency ) {
			/* translators: %s: a currency such as EUR */
			$label = sprintf( __( 'Value of a point in %s', 'pointsync' ), $currency );
			self::row( 'value_' . $currency, $label, $values, __( 'Such as 0.01. Empty: points cannot be spent.', 'pointsync' ), 'decimal' );
		}
		self::row( 'minimum', __( 'Fewest points for an order', 'pointsync' ), $values, __( 'Empty: no limit.', 'pointsync' ) );
		self::row( 'maximum', __( 'Most points for an order', 'pointsync' ), $values, __( 'Empty: no limit.', 'pointsync' ) );
		self::row( 'percent', __( 'Highest part of the goods', 'pointsync' ), $values, __( 'In percent, from 1 to 100. Points never pay for shipping and fees.', 'pointsync' ) );
		self::row( 'step', __( 'In steps of', 'pointsync' ), $values, __( 'Such as 100: customers use 100, 200, 300 points and so on.', 'pointsync' ) );
		self::row( 'products', __( 'Products that points cannot pay for', 'pointsync' ), $values, __( 'Ids of products or variations, separated by commas.', 'pointsync' ), 'text' );
		self::row( 'categories', __( 'Categories that points cannot pay for', 'pointsync' ), $values, __( 'Ids of categories, separated by commas. Categories below them are meant, too.', 'pointsync' ), 'text' );
		self::checkbox( 'combinable', __( 'Other coupons', 'pointsync' ), __( 'Points can be used together with coupons', 'pointsync' ), $values );
		self::checkbox( 'hints', __( 'Hints', 'pointsync' ), __( 'Pages and mails say how many points one earns', 'pointsync' ), $values );
		echo '</tbody></table><p><button type="submit" class="button button-primary">' . esc_html__( 'Save', 'pointsync' ) . '</button></p>';
		Form::end();
	}

	/**
	 * Store what was typed. Returns what is wrong, as a sentence; empty if it was stored.
	 *
	 * @param array<string, mixed> $typed
	 */
	public static function save( array $typed ): string {
		$problem  = '';
		$settings = array(
			'values'     => self::read_values( $typed, $problem ),
			'minimum'    => self::read_number( $typed, 'minimum', __( 'Fewest points for an order', 'pointsync' ), 0, self::MAX_POINTS, 0, $problem ),
			'maximum'    => self::read_number( $typed, 'maximum', __( 'Most points for an order', 'pointsync' ), 0, self::MAX_POINTS, 0, $problem ),
			'percent'    => self::read_number( $typed, 'percent', __( 'Highest part of the goods', 'pointsync' ), 1, 100, 100, $problem ),
			'step'       => self::read_number( $typed, 'step', __( 'In steps of', 'pointsync' ), 1, self::MAX_POINTS, 1, $problem ),
			'products'   => self::read_ids( $typed, 'products', __( 'Products that points cannot pay for', 'pointsync' ), $problem ),
			'categories' => self::read_ids( $typed, 'categories', __( 'Categories that points cannot pay for', 'pointsync' ), $problem ),
			'combinable' => ! empty( $typed['combinable'] ),
			'hints'      => ! empty( $typed['hints'] ),
		);
		if ( '' === $problem && $settings['maximum'] && $settings['maximum'] < max( $settings['minimum'], $settings['step'] ) ) {
			$problem = __( 'Most points for an order: it must not be lower than the fewest points and the step.', 'pointsync' );
		}
		if ( '' !== $problem ) {
			$kept = array_filter( $typed, 'is_string' );
			Values::set_array( self::TYPED, array_map( 'sanitize_text_field', $kept ) + array( 'combinable' => '', 'hints' => '' ) );
			return $problem . ' ' . __( 'Nothing was saved.', 'pointsync' );
		}
		Settings::store( $settings );
		return '';
	}

	/** The shop's own currency, and others that have a value. @return string[] */
	private static function currencies(): array {
		$more = array_keys( Settings::all()['values'] );
		/** Other currencies in which the shop sells. */
		$more = array_merge( $more, (array) apply_filters( 'pointsync_currencies', array() ) );
		return array_values( array_unique( array_merge( array( get_woocommerce_currency() ), array_map( 'strval', $more ) ) ) );
	}

	/** @return array<string, string> the stored settings as the form shows them */
	private static function as_typed(): array {
		$stored = Settings::all();
		$values = array(
			'minimum'    => $stored['minimum'] ? (string) $stored['minimum'] : '',
			'maximum'    => $stored['maximum'] ? (string) $stored['maximum'] : '',
			'percent'    => (string) $stored['percent'],
			'step'       => (string) $stored['step'],
			'products'   => implode( ', ', $stored['products'] ),
			'categories' => implode( ', ', $stored['categories'] ),
			'combinable' => $stored['combinable'] ? '1' : '',
			'hints'      => $stored['hints'] ? '1' : '',
		);
		foreach ( self::currencies() as $currency ) {
			$values[ 'value_' . $currency ] = isset( $stored['values'][ $currency ] ) ? $stored['values'][ $currency ] : '';
		}
		return $values;
	}

	/**
	 * @param array<string, mixed> $typed
	 * @return array<string, string>
	 */
	private static function read_values( array $typed, string &$problem ): array {
		$values = array();
		foreach ( self::currencies() as $currency ) {
			$text  = isset( $typed[ 'value_' . $currency ] ) && is_string( $typed[ 'value_' . $currency ] ) ? trim( $typed[ 'value_' . $currency ] ) : '';
			$text  = str_replace( ',', '.', $text );
			$units = '' === $text ? 0 : Money::to_units( $text, Rules::VALUE_DECIMALS );
			if ( null === $units || ( '' !== $text && 0 === $units && 0.0 !== (float) $text ) ) {
				/* translators: %s: a currency such as EUR */
				$problem = $problem ? $problem : sprintf( __( 'Value of a point in %s: type an amount such as 0.01, with at most six decimals.', 'pointsync' ), $currency );
			} elseif ( $units > 0 ) {
				$values[ $currency ] = $text;
			}
		}
		return $values;
	}

	/** @param array<string, mixed> $typed */
	private static function read_number( array $typed, string $name, string $label, int $lowest, int $highest, int $if_empty, string &$problem ): int {
		$text = isset( $typed[ $name ] ) && is_string( $typed[ $name ] ) ? trim( $typed[ $name ] ) : '';
		if ( '' === $text ) {
			return $if_empty;
		}
		$number = 1 === preg_match( '/^\d{1,10}$/', $text ) ? (int) $text : -1;
		if ( $number < $lowest || $number > $highest ) {
			/* translators: 1: the name of a field, 2: a number, 3: another one */
			$problem = $problem ? $problem : sprintf( __( '%1$s: type a whole number from %2$s to %3$s.', 'pointsync' ), $label, number_format_i18n( $lowest ), number_format_i18n( $highest ) );
			return $if_empty;
		}
		return $number;
	}

	/**
	 * @param array<string, mixed> $typed
	 * @return int[]
	 */
	private static function read_ids( array $typed, string $name, string $label, string &$problem ): array {
		$text = isset( $typed[ $name ] ) && is_string( $typed[ $name ] ) ? trim( $typed[ $name ] ) : '';
		if ( '' === $text ) {
			return array();
		}
		if ( 1 !== preg_match( '/^\d{1,18}(\s*,\s*\d{1,18})*$/', $text ) ) {
			/* translators: %s: the name of a field */
			$problem = $problem ? $problem : sprintf( __( '%s: type ids, separated by commas, such as 12, 34.', 'pointsync' ), $label );
			return array();
		}
		return array_values( array_unique( array_map( 'intval', explode( ',', $text ) ) ) );
	}

	/** @param array<string, string> $values */
	private static function row( string $name, string $label, array $values, string $help, string $mode = 'numeric' ): void {
		printf(
			'<tr><th scope="row"><label for="pointsync-%1$s">%2$s</label></th><td><input type="text" id="pointsync-%1$s" name="%1$s" value="%3$s" inputmode="%4$s" class="regular-text" aria-describedby="pointsync-%1$s-help"><p class="description" id="pointsync-%1$s-help">%5$s</p></td></tr>',
			esc_attr( $name ),
			esc_html( $label ),
			esc_attr( $values[ $name ] ),
			esc_attr( $mode ),
			esc_html( $help )
		);
	}

	/** @param array<string, string> $values */
	private static function checkbox( string $name, string $title, string $label, array $values ): void {
		printf(
			'<tr><th scope="row">%1$s</th><td><label><input type="checkbox" name="%2$s" value="1" %3$s> %4$s</label></td></tr>',
			esc_html( $title ),
			esc_attr( $name ),
			checked( '1', $values[ $name ], false ),
			esc_html( $label )
		);
	}
}

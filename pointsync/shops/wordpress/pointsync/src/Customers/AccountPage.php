<?php

namespace PointSync\Customers;

use PointSync\Connection\Shop;
use PointSync\Feed\Balances;
use PointSync\Storage\Options;
use PointSync\Storage\Tables;

/**
 * My account › Points: the balance, the history, and what expires. Everything comes from this shop's own tables.
 */
final class AccountPage {

	const ENDPOINT = 'pointsync-points';
	const PAGE     = 'points-page';
	const ROWS     = 20;

	public function register(): void {
		add_filter( 'woocommerce_get_query_vars', array( self::class, 'add_query_var' ) );
		add_filter( 'woocommerce_account_menu_items', array( self::class, 'add_menu_item' ) );
		add_filter( 'woocommerce_endpoint_' . self::ENDPOINT . '_title', array( Texts::class, 'title' ) );
		add_action( 'woocommerce_account_' . self::ENDPOINT . '_endpoint', array( self::class, 'show' ) );
		add_action( 'wp_loaded', array( self::class, 'add_rewrite_rule' ) );
	}

	/** The last part of the page's address. */
	public static function slug(): string {
		return self::ENDPOINT;
	}

	/**
	 * @param array<string, string> $vars
	 * @return array<string, string>
	 */
	public static function add_query_var( $vars ): array {
		$vars[ self::ENDPOINT ] = sanitize_title( _x( 'points', 'address of the page in My account', 'pointsync' ) );
		return $vars;
	}

	/** WordPress learns the page's address once, after the plugin was activated or its language has changed. */
	public static function add_rewrite_rule(): void {
		$slug = self::add_query_var( array() )[ self::ENDPOINT ];
		if ( Options::get_string( Options::ENDPOINT ) !== $slug ) {
			Options::set( Options::ENDPOINT, $slug );
			flush_rewrite_rules( false );
		}
	}

	/**
	 * After the orders.
	 *
	 * @param array<string, string> $items
	 * @return array<string, string>
	 */
	public static function add_menu_item( $items ): array {
		if ( ! Shop::is_connected() ) {
			return $items;
		}
		$place = array_search( 'orders', array_keys( $items ), true );
		$place = false === $place ? 1 : $place + 1;
		return array_slice( $items, 0, $place, true ) + array( self::ENDPOINT => Texts::title() ) + array_slice( $items, $place, null, true );
	}

	public static function show(): void {
		wp_enqueue_style( 'pointsync' );
		$user  = wp_get_current_user();
		$email = VerifiedAddress::of_user( $user->ID );
		if ( ! Shop::is_connected() ) {
			echo '<p>' . esc_html__( 'This shop has no points at the moment.', 'pointsync' ) . '</p>';
			return;
		}
		if ( null === $email ) {
			self::template( 'confirm-address', array( 'user' => $user ) );
			return;
		}
		$known_as = VerifiedAddress::known_as( $user->ID );
		$page     = isset( $_GET[ self::PAGE ] ) ? max( 1, min( 1000, absint( $_GET[ self::PAGE ] ) ) ) : 1;
		$rows     = self::history( $known_as, self::ROWS + 1, ( $page - 1 ) * self::ROWS );
		Refresh::if_old( $user->ID );
		self::template(
			'points',
			array(
				'balance'   => (int) Balances::get( $known_as ),
				'movements' => array_slice( $rows, 0, self::ROWS ),
				'has_more'  => count( $rows ) > self::ROWS,
				'page'      => $page,
				'expiring'  => array_slice( Refresh::known( $user->ID )['expiring'], 0, 6 ),
				'is_new'    => 0 === Refresh::known( $user->ID )['at'],
			)
		);
	}

	/**
	 * The customer's movements, newest first.
	 *
	 * @return object[]
	 */
	private static function history( string $customer, int $limit, int $offset ): array {
		global $wpdb;
		$table = Tables::name( 'movement' );
		return (array) $wpdb->get_results(
			$wpdb->prepare(
				"SELECT * FROM {$table} WHERE customer = %s AND reserve = %s ORDER BY recorded_at DESC, id DESC LIMIT %d OFFSET %d",
				$customer,
				Shop::reserve(),
				$limit,
				$offset
			)
		);
	}

	/** @param array<string, mixed> $values the names that the template uses */
	private static function template( string $name, array $values ): void {
		wc_get_template( $name . '.php', $values, 'pointsync/', dirname( POINTSYNC_FILE ) . '/templates/' );
	}
}

<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Customers\Texts;
use PointSync\Spending\Account;
use PointSync\Spending\Outcome;
use PointSync\Storage\Tables;

/**
 * The column *Points* in the list of orders: what each has given, and what points have paid.
 */
final class OrderColumn {

	const NAME = 'pointsync';

	/** @var array<int, string>|null texts by order id, read once for the page */
	private static $texts = null;

	public function register(): void {
		// Orders in their own tables, and orders as posts.
		foreach ( array( 'woocommerce_page_wc-orders', 'edit-shop_order' ) as $screen ) {
			add_filter( "manage_{$screen}_columns", array( self::class, 'add' ), 20 );
		}
		add_action( 'manage_woocommerce_page_wc-orders_custom_column', array( self::class, 'show' ), 10, 2 );
		add_action( 'manage_shop_order_posts_custom_column', array( self::class, 'show' ), 10, 2 );
		add_filter( 'the_posts', array( self::class, 'read_posts' ), 10, 2 );
		add_filter( 'woocommerce_order_query', array( self::class, 'read_orders' ), 10, 1 );
	}

	/**
	 * @param array<string, string> $columns
	 * @return array<string, string>
	 */
	public static function add( $columns ): array {
		if ( Shop::is_connected() ) {
			$columns[ self::NAME ] = Texts::title();
		}
		return $columns;
	}

	/**
	 * @param string           $column
	 * @param int|\WC_Order    $order
	 */
	public static function show( $column, $order ): void {
		if ( self::NAME !== $column ) {
			return;
		}
		$id = $order instanceof \WC_Order ? $order->get_id() : (int) $order;
		if ( ! isset( self::$texts[ $id ] ) ) {
			self::read( array( $id ) );
		}
		echo esc_html( self::$texts[ $id ] );
	}

	/**
	 * All orders of the page at once.
	 *
	 * @param \WP_Post[] $posts
	 * @param \WP_Query  $query
	 * @return \WP_Post[]
	 */
	public static function read_posts( $posts, $query ) {
		if ( is_admin() && $query->is_main_query() && 'shop_order' === $query->get( 'post_type' ) ) {
			self::read( wp_list_pluck( $posts, 'ID' ) );
		}
		return $posts;
	}

	/**
	 * @param mixed $results
	 * @return mixed
	 */
	public static function read_orders( $results ) {
		$orders = is_object( $results ) && isset( $results->orders ) ? $results->orders : $results;
		$page   = isset( $_GET['page'] ) ? sanitize_key( wp_unslash( $_GET['page'] ) ) : '';
		if ( is_admin() && 'wc-orders' === $page && is_array( $orders ) ) {
			$ids = array();
			foreach ( $orders as $order ) {
				if ( $order instanceof \WC_Order ) {
					$ids[] = $order->get_id();
				}
			}
			self::read( $ids );
		}
		return $results;
	}

	/** @param int[] $ids */
	private static function read( array $ids ): void {
		$spent = Account::of_orders( $ids );
		$given = self::given( $ids );
		foreach ( $ids as $id ) {
			$parts = array();
			if ( ! empty( $given[ $id ] ) ) {
				$parts[] = Texts::change( $given[ $id ] );
			}
			if ( isset( $spent[ $id ] ) ) {
				$net     = $spent[ $id ]->taken - $spent[ $id ]->returned;
				$parts[] = $net ? Texts::change( -$net ) : '';
				$parts[] = Outcome::INSUFFICIENT === $spent[ $id ]->problem ? __( 'not taken', 'pointsync' ) : '';
			}
			$parts                  = array_filter( $parts );
			self::$texts[ (int) $id ] = $parts ? implode( ' / ', $parts ) : '–';
		}
	}

	/**
	 * What the orders have given, as PointSync has answered last.
	 *
	 * @param int[] $ids
	 * @return array<int, int>
	 */
	private static function given( array $ids ): array {
		global $wpdb;
		if ( ! $ids ) {
			return array();
		}
		$table = Tables::name( 'outbox' );
		$list  = implode( ',', array_map( 'intval', $ids ) );
		$rows  = (array) $wpdb->get_results( "SELECT order_id, answer FROM {$table} WHERE order_id IN ({$list}) AND kind = 'order' AND state = 'sent' ORDER BY id LIMIT 5000" );
		$given = array();
		foreach ( $rows as $row ) {
			$answer = json_decode( (string) $row->answer, true );
			if ( is_array( $answer ) && isset( $answer['points'] ) ) {
				$given[ (int) $row->order_id ] = (int) $answer['points'];
			}
		}
		return $given;
	}
}

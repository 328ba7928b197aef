<?php

namespace PointSync\Orders;

use PointSync\Connection\Shop;
use PointSync\Errors;
use PointSync\Storage\Tables;

/**
 * Notices every change of an order, and writes it into the outbox in the same request and the same transaction.
 *
 * One row for each order and request: later changes in the request only raise the row's version, so that whoever has
 * read an earlier state sends the order again.
 */
final class Recorder {

	const TYPE   = 'shop_order';
	const DRAFTS = array( 'checkout-draft', 'auto-draft', 'draft', 'new' );

	/** @var array<string, int> the rows that this request has written, by site of the network and order */
	private static $rows = array();
	/** @var array<string, true> orders that have changed since their row was written or touched */
	private static $changed = array();
	/** @var array<string, true> what was found to be no order */
	private static $others = array();

	public function register(): void {
		$in_full = array( 'woocommerce_new_order', 'woocommerce_update_order', 'woocommerce_before_trash_order', 'woocommerce_before_delete_order' );
		foreach ( $in_full as $hook ) {
			add_action( $hook, array( self::class, 'note_order' ), 10, 2 );
		}
		$by_id = array(
			'woocommerce_order_status_changed',
			'woocommerce_order_refunded',
			'woocommerce_trash_order',
			'woocommerce_untrash_order',
			'woocommerce_delete_order',
			'woocommerce_saved_order_items',
			'trashed_post',
			'untrashed_post',
			'before_delete_post',
			'deleted_post',
		);
		foreach ( $by_id as $hook ) {
			add_action( $hook, array( self::class, 'note_id' ), 10, 1 );
		}
		add_action( 'woocommerce_refund_created', array( self::class, 'note_refund' ), 10, 1 );
		add_action( 'woocommerce_update_order_refund', array( self::class, 'note_refund' ), 10, 1 );
		add_action( 'woocommerce_refund_deleted', array( self::class, 'note_refund_deleted' ), 10, 2 );
		add_filter( 'woocommerce_pre_delete_order_refund', array( self::class, 'note_before_delete' ), 10, 2 );
		add_filter( 'woocommerce_pre_delete_order', array( self::class, 'note_before_delete' ), 10, 2 );
		add_action( 'woocommerce_new_order_item', array( self::class, 'note_item' ), 10, 3 );
		add_action( 'woocommerce_update_order_item', array( self::class, 'note_item' ), 10, 3 );
		add_action( 'woocommerce_before_delete_order_item', array( self::class, 'note_item_deleted' ), 10, 1 );
		add_action( 'woocommerce_checkout_create_order_line_item', array( self::class, 'note_sale' ), 10, 3 );
	}

	/**
	 * @param int             $order_id
	 * @param \WC_Order|mixed $order
	 */
	public static function note_order( $order_id, $order = null ): void {
		self::note( (int) $order_id, $order instanceof \WC_Abstract_Order ? $order : null );
	}

	/** @param int $id of an order, or of any post */
	public static function note_id( $id ): void {
		$id = (int) $id;
		if ( ! doing_action( 'trashed_post' ) && ! doing_action( 'untrashed_post' ) && ! doing_action( 'before_delete_post' ) && ! doing_action( 'deleted_post' ) ) {
			self::note( $id );
			return;
		}
		$type = get_post_type( $id );
		if ( self::TYPE === $type || isset( self::$rows[ self::place( $id ) ] ) ) {
			self::note( $id );
		} elseif ( 'shop_order_refund' === $type ) {
			self::note( (int) wp_get_post_parent_id( $id ) );
		}
	}

	/** @param int $refund_id */
	public static function note_refund( $refund_id ): void {
		$refund = wc_get_order( $refund_id );
		if ( $refund ) {
			self::note( (int) $refund->get_parent_id() );
		}
	}

	/**
	 * @param int $refund_id
	 * @param int $order_id
	 */
	public static function note_refund_deleted( $refund_id, $order_id ): void {
		self::note( (int) $order_id );
	}

	/**
	 * An order or a refund is about to be deleted: with orders in their own tables, no other hook tells of refunds.
	 *
	 * @param mixed    $check
	 * @param \WC_Data $data
	 * @return mixed
	 */
	public static function note_before_delete( $check, $data ) {
		if ( $data instanceof \WC_Order_Refund ) {
			self::note( (int) $data->get_parent_id() );
		} elseif ( $data instanceof \WC_Order ) {
			self::note( $data->get_id(), $data );
		}
		return $check;
	}

	/**
	 * @param int   $item_id
	 * @param mixed $item
	 * @param int   $order_id 0 where older functions of WooCommerce do not tell it
	 */
	public static function note_item( $item_id, $item = null, $order_id = 0 ): void {
		$order_id = $order_id ? (int) $order_id : (int) wc_get_order_id_by_order_item_id( $item_id );
		$place    = self::place( $order_id );
		if ( isset( self::$rows[ $place ] ) ) {
			self::$changed[ $place ] = true;
		} elseif ( ! isset( self::$others[ $place ] ) ) {
			self::note( $order_id );
		}
	}

	/** @param int $item_id */
	public static function note_item_deleted( $item_id ): void {
		self::note_item( $item_id );
	}

	/**
	 * The checkout puts a product into an order: whether it is on sale is known now, and not later.
	 *
	 * @param \WC_Order_Item_Product $item
	 * @param string                 $cart_item_key
	 * @param array<string, mixed>   $values
	 */
	public static function note_sale( $item, $cart_item_key, $values ): void {
		$product = isset( $values['data'] ) ? $values['data'] : null;
		if ( $product instanceof \WC_Product && $product->is_on_sale() ) {
			$item->add_meta_data( OrderJson::ON_SALE, 'yes', true );
		}
	}

	/** Whatever goes wrong here, the shop's page goes on: the sweep finds what was not written. */
	private static function note( int $order_id, ?\WC_Abstract_Order $order = null ): void {
		if ( $order_id <= 0 || ! Shop::is_connected() || ! Tables::are_current() ) {
			return;
		}
		try {
			self::write( $order_id, $order );
		} catch ( \Throwable $error ) {
			Errors::add( 'recorder', get_class( $error ) );
		}
	}

	private static function write( int $order_id, ?\WC_Abstract_Order $order ): void {
		$place = self::place( $order_id );
		if ( isset( self::$rows[ $place ] ) ) {
			Outbox::touch( self::$rows[ $place ] );
			unset( self::$changed[ $place ] );
			return;
		}
		$order = $order ? $order : wc_get_order( $order_id );
		if ( ! $order || self::TYPE !== $order->get_type() ) {
			self::$others[ $place ] = true;
			return;
		}
		if ( in_array( $order->get_status(), self::DRAFTS, true ) ) {
			return;
		}
		$row = Outbox::add_order( $order_id, (string) $order->get_order_key() );
		if ( $row ) {
			self::$rows[ $place ] = $row;
		}
	}

	/**
	 * The rows that this request has written, with their last changes; they may be sent from now on.
	 *
	 * @return int[]
	 */
	public static function take_rows(): array {
		$site = get_current_blog_id() . ':';
		$ids  = array();
		foreach ( self::$rows as $place => $id ) {
			if ( strncmp( $place, $site, strlen( $site ) ) !== 0 ) {
				continue;
			}
			if ( isset( self::$changed[ $place ] ) ) {
				Outbox::touch( $id );
			}
			$ids[] = $id;
			unset( self::$rows[ $place ], self::$changed[ $place ] );
		}
		if ( $ids ) {
			Outbox::make_due( $ids );
		}
		return $ids;
	}

	private static function place( int $order_id ): string {
		return get_current_blog_id() . ':' . $order_id;
	}
}

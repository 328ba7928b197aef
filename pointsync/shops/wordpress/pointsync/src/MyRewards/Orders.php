<?php

namespace PointSync\MyRewards;

/**
 * Sees that each order counts once: in PointSync or in MyRewards.
 *
 * Which of the two it is, is decided when MyRewards looks at the order, and stays with the order: so an order keeps its
 * points if the shop's choice changes later.
 */
final class Orders {

	/** The order's meta that says who counts it: one of `Settings::BY_…`. */
	const META = '_pointsync_counted_by';

	/** @var array<string, true> the events' types that are watched */
	private static $watched = array();

	public function register(): void {
		add_filter( 'pointsync_order_is_reported', array( self::class, 'is_reported' ), 10, 2 );
		if ( ! Settings::is_on() ) {
			return;
		}
		add_action( 'lws_woorewards_abstracts_event_installed', array( self::class, 'watch' ) );
		add_action( 'lws_woorewards_wc_order_trigger_order_done', array( self::class, 'note_decision' ), 10, 3 );
	}

	/**
	 * @param bool      $is_reported
	 * @param \WC_Order $order
	 */
	public static function is_reported( $is_reported, $order ): bool {
		$by = (string) $order->get_meta( self::META );
		if ( '' === $by ) {
			return $is_reported && ! Settings::leaves_orders();
		}
		return $is_reported && Settings::BY_MYREWARDS !== $by;
	}

	/** @param object $event that MyRewards uses: what it gives for orders is asked for here */
	public static function watch( $event ): void {
		$type = (string) $event->getType();
		if ( Settings::BY_POINTSYNC === Settings::all()['counts'] && Program::is_order_event( $event ) && ! isset( self::$watched[ $type ] ) ) {
			self::$watched[ $type ] = true;
			add_filter( 'trigger_' . $type, array( self::class, 'give_nothing' ), PHP_INT_MAX, 2 );
		}
	}

	/**
	 * While PointSync counts the orders, MyRewards gives nothing for them in the stack that follows PointSync. The page
	 * refuses this setting; an event may have been added later.
	 *
	 * @param mixed  $points
	 * @param object $event
	 * @return mixed
	 */
	public static function give_nothing( $points, $event = null ) {
		$pool = is_object( $event ) && method_exists( $event, 'getPool' ) ? $event->getPool() : null;
		return $pool && $pool->getStackId() === Settings::stack() ? 0 : $points;
	}

	/**
	 * MyRewards looks at an order, once in the order's life.
	 *
	 * @param mixed     $action
	 * @param \WC_Order $order
	 * @param object    $pool
	 */
	public static function note_decision( $action, $order, $pool ): void {
		if ( $order instanceof \WC_Order && $pool->getStackId() === Settings::stack() && '' === (string) $order->get_meta( self::META ) ) {
			$order->update_meta_data( self::META, Settings::all()['counts'] );
			$order->save_meta_data();
		}
	}
}

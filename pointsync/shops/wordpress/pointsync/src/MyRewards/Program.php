<?php

namespace PointSync\MyRewards;

/**
 * What this shop has of MyRewards: whether it is active, its pools, and where it stores points.
 *
 * A pool is a way to collect points; its points are in a stack, which several pools may share. A customer's balance is a
 * user meta, and its changes are rows of a table. On a network, all sites share both.
 */
final class Program {

	/** How the name of the user meta with a balance begins; the stack follows. */
	const META_PREFIX = 'lws_wre_points_';
	/** The category of events that give points for orders. */
	const ORDER_CATEGORY = 'order';

	public static function is_active(): bool {
		return defined( 'LWS_WOOREWARDS_VERSION' ) && class_exists( 'LWS\\WOOREWARDS\\Collections\\Pools' );
	}

	/** The table of changes. */
	public static function table(): string {
		global $wpdb;
		return $wpdb->base_prefix . 'lws_wr_historic';
	}

	/**
	 * Its pools: `id`, `title`, `stack`, `is_on`, `is_used_in_cart` (points are an amount in the cart), and the titles of
	 * `order_events` that give points for orders now. Reads everything, so not for shop pages.
	 *
	 * @return array<int, array{id: int, title: string, stack: string, is_on: bool, is_used_in_cart: bool, order_events: string[]}>
	 */
	public static function pools(): array {
		$pools = array();
		if ( ! self::is_active() ) {
			return $pools;
		}
		foreach ( \LWS\WOOREWARDS\Collections\Pools::instanciate()->load( array( 'deep' => true ) )->asArray() as $pool ) {
			$events = array();
			foreach ( $pool->getEvents()->asArray() as $event ) {
				if ( self::is_order_event( $event ) && $event->isValidGain( true ) ) {
					$title    = trim( (string) $event->getTitle() );
					$events[] = '' !== $title ? $title : (string) $event->getDisplayType();
				}
			}
			$title   = trim( wp_strip_all_tags( (string) $pool->getOption( 'title' ) ) );
			$pools[] = array(
				'id'              => (int) $pool->getId(),
				'title'           => '' !== $title ? $title : (string) $pool->getName(),
				'stack'           => (string) $pool->getStackId(),
				'is_on'           => (bool) $pool->isActive(),
				'is_used_in_cart' => (bool) $pool->getOption( 'direct_reward_mode' ),
				'order_events'    => $events,
			);
		}
		return $pools;
	}

	/**
	 * The pools with this stack.
	 *
	 * @return array<int, array{id: int, title: string, stack: string, is_on: bool, is_used_in_cart: bool, order_events: string[]}>
	 */
	public static function pools_of( string $stack ): array {
		return array_values( array_filter( self::pools(), static fn( array $pool ): bool => $pool['stack'] === $stack ) );
	}

	/** @param object $event of MyRewards; whether it gives the buyer points for an order */
	public static function is_order_event( $event ): bool {
		return isset( $event->getCategories()[ self::ORDER_CATEGORY ] );
	}

	/** Whether a row of the table is from an event that gives points for orders: `$origin` is the event's id then. */
	public static function is_of_order_event( string $origin ): bool {
		$post = 1 === preg_match( '/^\d{1,18}$/', $origin ) ? get_post( (int) $origin ) : null;
		if ( ! $post || ! class_exists( 'LWS\\WOOREWARDS\\Abstracts\\Event' ) || \LWS\WOOREWARDS\Abstracts\Event::POST_TYPE !== $post->post_type ) {
			return false;
		}
		$event = \LWS\WOOREWARDS\Abstracts\Event::fromPost( $post );
		return $event && self::is_order_event( $event );
	}

	/** A row's comment as a text: MyRewards stores some in a form of its own. */
	public static function text_of( string $comment ): string {
		$class = 'LWS\\WOOREWARDS\\Core\\Trace';
		$text  = class_exists( $class ) ? (string) $class::unserializeReason( $comment ) : $comment;
		$text  = is_serialized( $text ) ? '' : trim( wp_strip_all_tags( html_entity_decode( $text, ENT_QUOTES, 'UTF-8' ) ) );
		return '' !== $text ? $text : 'MyRewards';
	}
}

<?php

namespace PointSync\Connection;

/**
 * Finds what else reports this shop's orders to the same PointSync, so that each order would count twice: webhooks of
 * WooCommerce here, and the hooks at PointSync that they deliver to. While there is such a hook, PointSync refuses the
 * plugin's reports.
 */
final class DoubleCounting {

	const MAX = 20;

	/**
	 * The active webhooks that deliver to PointSync's hooks.
	 *
	 * @return array<int, array{id: int, name: string}>
	 */
	public static function webhooks(): array {
		$found = array();
		if ( '' === Shop::url() ) {
			return $found;
		}
		$start = Place::of( Shop::url() ) . '/hooks/';
		$store = \WC_Data_Store::load( 'webhook' );
		foreach ( $store->get_webhooks_ids( 'active' ) as $id ) {
			$webhook = new \WC_Webhook( $id );
			$place   = Place::of( (string) $webhook->get_delivery_url() );
			if ( strncmp( $place, $start, strlen( $start ) ) === 0 && count( $found ) < self::MAX ) {
				$found[] = array(
					'id'   => (int) $id,
					'name' => (string) $webhook->get_name(),
				);
			}
		}
		return $found;
	}

	/**
	 * The names of the hooks at PointSync, as it has said last.
	 *
	 * @return string[]
	 */
	public static function hooks(): array {
		$hooks = Shop::get( 'double_counting', array() );
		return array_map( 'strval', array_column( is_array( $hooks ) ? $hooks : array(), 'name' ) );
	}

	/**
	 * Remove these hooks and disable these webhooks, which stay in WooCommerce's list. Orders that have counted keep
	 * their points. Returns why not, empty if it worked.
	 */
	public static function switch_off(): string {
		foreach ( self::hooks() as $name ) {
			$answer = Client::call( 'POST', '/shops/hooks/remove', array( 'hook' => $name ) );
			if ( ! $answer->is_success() && 'unknown_hook' !== $answer->code() ) {
				return $answer->message();
			}
			if ( $answer->is_success() ) {
				Shop::take_in( $answer );
			}
		}
		foreach ( self::webhooks() as $each ) {
			$webhook = new \WC_Webhook( $each['id'] );
			$webhook->set_status( 'disabled' );
			$webhook->save();
		}
		Pace::hurry();
		return '';
	}
}

<?php

namespace PointSync\Customers;

use PointSync\Connection\Client;
use PointSync\Schedule;
use PointSync\Storage\Values;

/**
 * A customer has verified another address: PointSync gives the customer that one, and the points stay together.
 */
final class Rename {

	const WAITING   = 'rename.waiting';
	const CONFLICTS = 'rename.conflicts';
	const MAX       = 1000;
	const MAX_SHOWN = 20;

	public function register(): void {
		add_action( Schedule::SOON, array( self::class, 'run' ) );
		add_action( Schedule::MINUTE, array( self::class, 'run' ) );
		add_action( 'admin_notices', array( self::class, 'show_conflicts' ) );
		add_action( 'admin_post_pointsync_dismiss_rename', array( self::class, 'dismiss' ) );
	}

	public static function request( int $user_id, string $from, string $to ): void {
		self::edit(
			self::WAITING,
			static function ( array $waiting ) use ( $user_id, $from, $to ): array {
				$waiting[] = array(
					'user' => $user_id,
					'from' => $from,
					'to'   => $to,
				);
				return array_slice( $waiting, -self::MAX );
			}
		);
		Schedule::soon();
	}

	/** Make the calls that wait; stop at the first one without an answer. */
	public static function run(): void {
		foreach ( array_slice( Values::get_array( self::WAITING ), 0, 20 ) as $each ) {
			if ( ! self::send( $each ) ) {
				return;
			}
			self::edit(
				self::WAITING,
				static fn( array $waiting ): array => array_values( array_filter( $waiting, static fn( $other ): bool => $other !== $each ) )
			);
			Refresh::soon( (int) $each['user'] );
		}
	}

	/** @param array{user: int, from: string, to: string} $each whether it needs no other attempt */
	private static function send( array $each ): bool {
		$owner = get_user_by( 'email', $each['from'] );
		if ( $owner && $owner->ID !== (int) $each['user'] ) {
			// Another account has the old address now. Its points are not this customer's to take along.
			return true;
		}
		if ( VerifiedAddress::last( (int) $each['user'] ) !== $each['to'] ) {
			return true;
		}
		$answer = Client::call( 'POST', '/customers/' . rawurlencode( $each['from'] ) . '/rename', array( 'to' => $each['to'] ) );
		if ( 'customer_exists' === $answer->code() || 'too_many_addresses' === $answer->code() ) {
			$each += array(
				'message' => $answer->message(),
				'at'      => gmdate( 'c' ),
			);
			self::edit( self::CONFLICTS, static fn( array $known ): array => array_slice( array_merge( $known, array( $each ) ), -self::MAX_SHOWN ) );
			return true;
		}
		// An unknown customer had no points, so there is nothing to take along.
		return $answer->is_success() || 404 === $answer->status || 422 === $answer->status;
	}

	/** Make no call that names this address, and show it no more. Whether there was something. */
	public static function forget( string $address ): bool {
		$is_found = false;
		foreach ( array( self::WAITING, self::CONFLICTS ) as $name ) {
			self::edit(
				$name,
				static function ( array $list ) use ( $address, &$is_found ): array {
					$left     = array_filter( $list, static fn( $each ): bool => $each['from'] !== $address && $each['to'] !== $address );
					$is_found = $is_found || count( $left ) < count( $list );
					return array_values( $left );
				}
			);
		}
		return $is_found;
	}

	/** Tell the shop's staff which customers PointSync could not rename. */
	public static function show_conflicts(): void {
		$conflicts = current_user_can( 'manage_woocommerce' ) ? Values::get_array( self::CONFLICTS ) : array();
		if ( ! $conflicts ) {
			return;
		}
		echo '<div class="notice notice-warning"><p><strong>' . esc_html__( 'Points of customers who have changed their address', 'pointsync' ) . '</strong></p><ul>';
		foreach ( $conflicts as $each ) {
			/* translators: 1: old address, 2: new address */
			$text = sprintf( __( '%1$s has verified the address %2$s, but PointSync knows another customer with that address. Nobody was merged. If both are the same person, an admin of PointSync can merge them under Customers › Duplicates.', 'pointsync' ), $each['from'], $each['to'] );
			$link = get_edit_user_link( (int) $each['user'] );
			echo '<li>' . esc_html( $text ) . ' <a href="' . esc_url( $link ) . '">' . esc_html__( 'Profile', 'pointsync' ) . '</a></li>';
		}
		$url = wp_nonce_url( admin_url( 'admin-post.php?action=pointsync_dismiss_rename' ), 'pointsync_dismiss_rename' );
		echo '</ul><p><a class="button" href="' . esc_url( $url ) . '">' . esc_html__( 'Dismiss', 'pointsync' ) . '</a></p></div>';
	}

	public static function dismiss(): void {
		check_admin_referer( 'pointsync_dismiss_rename' );
		if ( current_user_can( 'manage_woocommerce' ) ) {
			Values::remove( self::CONFLICTS );
		}
		wp_safe_redirect( wp_get_referer() ? wp_get_referer() : admin_url() );
		exit;
	}

	/** Change a stored list; if another request changes it at the same moment, once more. */
	private static function edit( string $name, callable $change ): void {
		for ( $count = 0; $count < 20; $count++ ) {
			$text = Values::get( $name );
			$list = json_decode( (string) $text, true );
			$new  = (string) wp_json_encode( $change( is_array( $list ) ? $list : array() ) );
			if ( $new === $text || Values::replace( $name, $text, $new ) ) {
				return;
			}
		}
	}
}

<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Storage\Options;

/**
 * Notices outside the plugin's page: that an answer is needed, and what deleting the plugin does.
 */
final class Notices {

	public function register(): void {
		add_action( 'admin_notices', array( self::class, 'show' ) );
		add_action( 'after_plugin_row_' . plugin_basename( POINTSYNC_FILE ), array( self::class, 'show_in_list' ), 10, 0 );
	}

	public static function show(): void {
		$screen = get_current_screen();
		if ( ! current_user_can( Page::CAPABILITY ) || ( $screen && 'woocommerce_page_' . Page::SLUG === $screen->id ) ) {
			return;
		}
		if ( StagingGuard::is_stopped() ) {
			self::notice( 'error', __( 'PointSync: this shop has another address than before. Nothing is sent until you have said whether it was moved or is a copy.', 'pointsync' ), __( 'Answer', 'pointsync' ) );
		} elseif ( ! Shop::is_connected() && $screen && in_array( $screen->id, array( 'plugins', 'dashboard' ), true ) ) {
			self::notice( 'info', __( 'PointSync is installed, but this shop is not connected yet.', 'pointsync' ), __( 'Connect', 'pointsync' ) );
		}
	}

	/** Below the plugin in the list of plugins, where one deactivates and deletes it. */
	public static function show_in_list(): void {
		if ( ! current_user_can( Page::CAPABILITY ) || ! Shop::is_connected() ) {
			return;
		}
		$text = 'drop' === Options::get_string( Options::UNINSTALL )
			? __( 'If you delete PointSync, its tables and the key are deleted from this shop.', 'pointsync' )
			: __( 'If you delete PointSync, its tables stay in this shop, so that you can install it again.', 'pointsync' );
		printf(
			'<tr class="plugin-update-tr active"><td colspan="4" class="plugin-update colspanchange"><div class="notice inline notice-info notice-alt"><p>%s <a href="%s">%s</a></p></div></td></tr>',
			esc_html( $text ),
			esc_url( Page::url() . '#pointsync-remove' ),
			esc_html__( 'Change', 'pointsync' )
		);
	}

	private static function notice( string $kind, string $text, string $link ): void {
		printf(
			'<div class="notice notice-%s"><p>%s <a href="%s">%s</a></p></div>',
			esc_attr( $kind ),
			esc_html( $text ),
			esc_url( Page::url() ),
			esc_html( $link )
		);
	}
}

<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;

/**
 * The page *WooCommerce › PointSync*: connect the shop, or see its state.
 */
final class Page {

	const SLUG       = 'pointsync';
	const CAPABILITY = 'manage_woocommerce';

	public function register(): void {
		add_action( 'admin_menu', array( self::class, 'add' ), 60 );
		add_filter( 'plugin_action_links_' . plugin_basename( POINTSYNC_FILE ), array( self::class, 'add_link' ) );
		add_filter( 'woocommerce_screen_ids', array( self::class, 'add_screen' ) );
	}

	public static function add(): void {
		add_submenu_page( 'woocommerce', 'PointSync', 'PointSync', self::CAPABILITY, self::SLUG, array( self::class, 'show' ) );
	}

	public static function url(): string {
		return admin_url( 'admin.php?page=' . self::SLUG );
	}

	/**
	 * @param array<int|string, string> $links
	 * @return array<int|string, string>
	 */
	public static function add_link( array $links ): array {
		$text = Shop::is_connected() ? __( 'State', 'pointsync' ) : __( 'Connect', 'pointsync' );
		array_unshift( $links, '<a href="' . esc_url( self::url() ) . '">' . esc_html( $text ) . '</a>' );
		return $links;
	}

	/**
	 * @param string[] $ids
	 * @return string[]
	 */
	public static function add_screen( array $ids ): array {
		$ids[] = 'woocommerce_page_' . self::SLUG;
		return $ids;
	}

	public static function show(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			return;
		}
		wp_enqueue_style( 'pointsync-admin', plugins_url( 'assets/admin.css', POINTSYNC_FILE ), array(), POINTSYNC_VERSION );
		echo '<div class="wrap pointsync"><h1>PointSync</h1><hr class="wp-header-end">';
		Flash::show();
		if ( StagingGuard::is_stopped() ) {
			CopyQuestion::show();
		} elseif ( Shop::is_connected() ) {
			StatePage::show();
		} else {
			ConnectPage::show();
		}
		echo '</div>';
	}
}

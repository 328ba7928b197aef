<?php

namespace PointSync\Cart;

use Automattic\WooCommerce\Blocks\Integrations\IntegrationInterface;

/**
 * The script for the blocks of cart and checkout. Loaded only when WooCommerce registers those blocks.
 */
final class BlockScript implements IntegrationInterface {

	const HANDLE = 'pointsync-blocks';

	public function get_name(): string {
		return 'pointsync';
	}

	public function initialize(): void {
		wp_register_script(
			self::HANDLE,
			plugins_url( 'assets/blocks.js', POINTSYNC_FILE ),
			array( 'wc-blocks-checkout', 'wp-data', 'wp-element', 'wp-plugins' ),
			POINTSYNC_VERSION,
			true
		);
		wp_enqueue_style( 'pointsync' );
	}

	/** @return string[] */
	public function get_script_handles(): array {
		return array( self::HANDLE );
	}

	/** @return string[] */
	public function get_editor_script_handles(): array {
		return array();
	}

	/** @return array<string, mixed> */
	public function get_script_data(): array {
		return array();
	}
}

<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;

/**
 * The shop has another address than when it was connected: was it moved, or is this a copy?
 */
final class CopyQuestion {

	public static function show(): void {
		echo '<div class="card"><h2>' . esc_html__( 'Is this a copy of your shop?', 'pointsync' ) . '</h2><p>';
		printf(
			/* translators: 1: old address, 2: new address */
			esc_html__( 'This shop was connected with PointSync at %1$s. Now its address is %2$s. Until you answer, nothing is sent, so that a test copy does not change real points.', 'pointsync' ),
			'<code>' . esc_html( Shop::home() ) . '</code>',
			'<code>' . esc_html( StagingGuard::current_home() ) . '</code>'
		);
		echo '</p><p><strong>' . esc_html__( 'The shop was moved.', 'pointsync' ) . '</strong> ';
		esc_html_e( 'This is the real shop at its new address. What has happened since is sent.', 'pointsync' );
		echo '</p>';
		Form::button( 'moved', __( 'The shop was moved', 'pointsync' ), 'button button-primary' );
		echo '<p><strong>' . esc_html__( 'This is a copy.', 'pointsync' ) . '</strong> ';
		esc_html_e( 'The copy forgets the key and everything that waits to be sent. The real shop goes on as before.', 'pointsync' );
		echo '</p>';
		Form::button( 'copy', __( 'This is a copy', 'pointsync' ) );
		echo '</div>';
	}
}

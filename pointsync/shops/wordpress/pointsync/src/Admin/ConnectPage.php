<?php

namespace PointSync\Admin;

/**
 * A shop that is not connected: one field for the code.
 */
final class ConnectPage {

	public static function show(): void {
		echo '<div class="card"><h2>' . esc_html__( 'Connect this shop', 'pointsync' ) . '</h2><ol>';
		echo '<li>' . esc_html__( 'In PointSync, open System › Shops and press Connect a WordPress shop.', 'pointsync' ) . '</li>';
		echo '<li>' . esc_html__( 'Copy the code. It is valid for 15 minutes and can be used once.', 'pointsync' ) . '</li>';
		echo '<li>' . esc_html__( 'Paste it here.', 'pointsync' ) . '</li></ol>';
		Form::begin( 'connect' );
		echo '<p><label for="pointsync-code"><strong>' . esc_html__( 'Connection code', 'pointsync' ) . '</strong></label><br>';
		echo '<textarea id="pointsync-code" name="code" rows="3" class="large-text code" required autocomplete="off" spellcheck="false" placeholder="psc1.…">';
		echo esc_textarea( Flash::typed() ) . '</textarea></p>';
		echo '<p><button type="submit" class="button button-primary">' . esc_html__( 'Connect', 'pointsync' ) . '</button></p>';
		Form::end();
		echo '</div>';
		self::show_found();
	}

	/** What this shop has that matters. */
	private static function show_found(): void {
		echo '<h2>' . esc_html__( 'Found in this shop', 'pointsync' ) . '</h2><ul class="ul-disc">';
		foreach ( Facts::all() as $fact ) {
			echo '<li>' . esc_html( $fact ) . '</li>';
		}
		echo '</ul>';
	}
}

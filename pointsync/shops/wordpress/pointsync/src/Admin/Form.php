<?php

namespace PointSync\Admin;

/**
 * Forms of the plugin's page: each has a nonce, and one action of `Actions`.
 */
final class Form {

	/** @param string $action a key of `Actions::ALL` */
	public static function begin( string $action ): void {
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		echo '<input type="hidden" name="action" value="' . esc_attr( Actions::PREFIX . $action ) . '">';
		wp_nonce_field( Actions::PREFIX . $action );
	}

	public static function end(): void {
		echo '</form>';
	}

	/** A form with nothing but a button. `$is_asked` is what a dialog asks first; empty for none. */
	public static function button( string $action, string $text, string $class = 'button', string $is_asked = '' ): void {
		self::begin( $action );
		printf(
			'<button type="submit" class="%s"%s>%s</button>',
			esc_attr( $class ),
			'' === $is_asked ? '' : ' onclick="return confirm(this.dataset.question)" data-question="' . esc_attr( $is_asked ) . '"',
			esc_html( $text )
		);
		self::end();
	}
}

<?php
// The few functions of WordPress and WooCommerce that classes without a database use, in their simplest form.

function __( string $text, string $domain = '' ): string {
	return $text;
}
function apply_filters( string $name, $value ) {
	return isset( $GLOBALS['filters'][ $name ] ) ? $GLOBALS['filters'][ $name ]( ...array_slice( func_get_args(), 1 ) ) : $value;
}
function wc_get_price_decimals(): int {
	return $GLOBALS['decimals'] ?? 2;
}
function get_userdata( int $id ) {
	return $GLOBALS['users'][ $id ] ?? false;
}
function wc_get_product_term_ids( int $id, string $taxonomy ): array {
	return $GLOBALS['categories'][ $id ] ?? array();
}
function get_option( string $name ) {
	return $GLOBALS['options'][ $name ] ?? false;
}
function wp_json_encode( $value ) {
	return json_encode( $value );
}

<?php
// A WordPress for tests: calls go out through Node.js, and the little of WooCommerce that the plugin asks for when it
// begins is there.

define( 'WC_VERSION', '8.0.0' );
final class WooCommerce {
	public $version = WC_VERSION;
}
final class WC_Data_Store {
	public static function load( string $noun ): self {
		return new self();
	}
	public function get_webhooks_ids( string $status ): array {
		return array();
	}
}
function wc_get_order_status_name( string $status ): string {
	return $status;
}
function get_woocommerce_currency(): string {
	return 'EUR';
}
function wc_coupons_enabled(): bool {
	return true;
}

add_filter(
	'pre_http_request',
	static function ( $answer, array $arguments, string $url ) {
		$request = array( 'url' => $url, 'method' => $arguments['method'], 'headers' => $arguments['headers'] );
		if ( ! empty( $arguments['body'] ) ) {
			$request['body'] = $arguments['body'];
		}
		$found = json_decode( post_message_to_js( json_encode( $request ) ), true );
		return array(
			'headers'  => new WpOrg\Requests\Utility\CaseInsensitiveDictionary( $found['headers'] ),
			'body'     => $found['body'],
			'response' => array( 'code' => $found['status'], 'message' => '' ),
			'cookies'  => array(),
			'filename' => null,
		);
	},
	10,
	3
);

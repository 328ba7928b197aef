<?php
// For the tests only: mails into a file, a status of the shop's own, webhooks on loopback.
add_filter(
	'pre_wp_mail',
	static function ( $done, array $mail ) {
		$line = array( 'to' => $mail['to'], 'subject' => $mail['subject'], 'message' => $mail['message'] );
		file_put_contents( WP_CONTENT_DIR . '/pointsync-mails.jsonl', wp_json_encode( $line ) . "\n", FILE_APPEND | LOCK_EX );
		return true;
	},
	10,
	2
);
add_filter( 'http_request_host_is_external', '__return_true' );
add_filter( 'http_allowed_safe_ports', static fn( $ports ) => array_merge( $ports, range( 8000, 32000 ) ) );
add_filter( 'wc_order_statuses', static fn( $statuses ) => $statuses + array( 'wc-picked-up' => 'Picked up' ) );
add_action(
	'init',
	static function () {
		register_post_status( 'wc-picked-up', array( 'label' => 'Picked up', 'public' => true ) );
	}
);
// A gateway that does what the option says: `paid`, `fail`, or `pending` (as one that leads to another site).
add_filter(
	'woocommerce_payment_gateways',
	static function ( $gateways ) {
		if ( ! get_option( 'pointsync_tests_payment' ) ) {
			return $gateways;
		}
		if ( ! class_exists( 'PointSync_Tests_Gateway' ) ) {
			// phpcs:ignore
			class PointSync_Tests_Gateway extends WC_Payment_Gateway {
				public function __construct() {
					$this->id       = 'pointsync_tests';
					$this->title    = 'Tests';
					$this->enabled  = 'yes';
					$this->supports = array( 'products', 'refunds' );
				}
				public function process_payment( $order_id ) {
					$order = wc_get_order( $order_id );
					$how   = get_option( 'pointsync_tests_payment', 'paid' );
					if ( 'fail' === $how ) {
						$order->update_status( 'failed' );
						wc_add_notice( 'The card was declined.', 'error' );
						return array( 'result' => 'failure' );
					}
					if ( 'paid' === $how ) {
						$order->payment_complete();
					}
					WC()->cart->empty_cart();
					return array( 'result' => 'success', 'redirect' => $this->get_return_url( $order ) );
				}
				public function process_refund( $order_id, $amount = null, $reason = '' ) {
					return true;
				}
			}
		}
		$gateways[] = 'PointSync_Tests_Gateway';
		return $gateways;
	}
);

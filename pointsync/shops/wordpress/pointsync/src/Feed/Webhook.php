<?php

namespace PointSync\Feed;

use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Errors;
use PointSync\Schedule;
use PointSync\Storage\Values;

/**
 * Lets PointSync call this shop when points have changed, so that they are here within a second and not a minute.
 *
 * Its message is only a hint: the feed is read. A shop that PointSync cannot call reads the feed every minute.
 */
final class Webhook {

	const NAMESPACE = 'pointsync/v1';
	const ROUTE     = '/changed';
	/** `id`, `secret` and `url` of the webhook. In the plugin's own table, since it holds a secret. */
	const STATE = 'webhook';
	/** PointSync waits 15 seconds for the answer. */
	const READ_SECONDS = 8.0;

	public function register(): void {
		add_action( 'rest_api_init', array( self::class, 'add_route' ) );
		add_action( 'pointsync_connected', array( self::class, 'subscribe' ), 20 );
		add_action( 'pointsync_moved', array( self::class, 'subscribe' ) );
		add_action( 'pointsync_disconnected', array( self::class, 'forget' ) );
		add_action( Schedule::HOUR, array( self::class, 'check' ) );
	}

	public static function add_route(): void {
		register_rest_route(
			self::NAMESPACE,
			self::ROUTE,
			array(
				'methods'             => 'POST',
				'callback'            => array( self::class, 'receive' ),
				'permission_callback' => array( self::class, 'is_from_pointsync' ),
			)
		);
	}

	/** @param \WP_REST_Request<array<string, mixed>> $request */
	public static function is_from_pointsync( \WP_REST_Request $request ): bool {
		$state = Values::get_array( self::STATE );
		return isset( $state['secret'] ) && Signature::is_valid(
			(string) $state['secret'],
			(string) $request->get_header( 'webhook-id' ),
			(string) $request->get_header( 'webhook-timestamp' ),
			$request->get_body(),
			(string) $request->get_header( 'webhook-signature' ),
			time()
		);
	}

	/**
	 * Read what has changed. If another request is reading at the moment, PointSync is asked to send the message again.
	 *
	 * @param \WP_REST_Request<array<string, mixed>> $request
	 */
	public static function receive( \WP_REST_Request $request ): \WP_REST_Response {
		$message = json_decode( $request->get_body(), true );
		if ( isset( $message['type'] ) && 'webhook.test' === $message['type'] ) {
			return new \WP_REST_Response( null, 204 );
		}
		if ( Reader::run( self::READ_SECONDS ) || ! Reader::state()['is_filled'] ) {
			return new \WP_REST_Response( null, 204 );
		}
		$response = new \WP_REST_Response( array( 'message' => 'The feed is being read.' ), 503 );
		$response->header( 'Retry-After', '2' );
		return $response;
	}

	/** Ask PointSync to call this shop, with a new secret. */
	public static function subscribe(): void {
		$url = rest_url( self::NAMESPACE . self::ROUTE );
		self::remove_subscription( $url );
		$answer  = Client::call( 'POST', '/webhooks', array( 'url' => $url ) );
		$webhook = isset( $answer->body['webhook'] ) && is_array( $answer->body['webhook'] ) ? $answer->body['webhook'] : array();
		if ( ! $answer->is_success() || ! isset( $webhook['id'], $answer->body['secret'] ) ) {
			Values::remove( self::STATE );
			Errors::add( 'webhook', $answer->message() );
			return;
		}
		Values::set_array(
			self::STATE,
			array(
				'id'     => (string) $webhook['id'],
				'secret' => (string) $answer->body['secret'],
				'url'    => $url,
			)
		);
	}

	/** Every hour: subscribe if there is no subscription, as after PointSync was restored or could not call this shop. */
	public static function check(): void {
		if ( ! Shop::is_connected() ) {
			return;
		}
		$state = Values::get_array( self::STATE );
		$url   = rest_url( self::NAMESPACE . self::ROUTE );
		if ( ! isset( $state['id'], $state['url'] ) || $state['url'] !== $url ) {
			self::subscribe();
			return;
		}
		$answer = Client::call( 'GET', '/webhooks' );
		if ( $answer->is_success() && ! self::lists( $answer->body, (string) $state['id'] ) ) {
			self::subscribe();
		}
	}

	/** The shop is not connected any more; PointSync has removed its webhooks with the key, or keeps calling in vain. */
	public static function forget(): void {
		Values::remove( self::STATE );
	}

	/** Remove the subscription of this shop that PointSync has, whichever it is: its secret may be lost. */
	private static function remove_subscription( string $url ): void {
		$answer = Client::call( 'GET', '/webhooks' );
		$state  = Values::get_array( self::STATE );
		foreach ( self::webhooks( $answer->body ) as $webhook ) {
			$is_own = isset( $webhook['url'] ) && in_array( $webhook['url'], array( $url, isset( $state['url'] ) ? $state['url'] : $url ), true );
			if ( $is_own && isset( $webhook['id'] ) ) {
				Client::call( 'DELETE', '/webhooks/' . rawurlencode( (string) $webhook['id'] ) );
			}
		}
	}

	/** @param array<mixed> $body */
	private static function lists( array $body, string $id ): bool {
		foreach ( self::webhooks( $body ) as $webhook ) {
			if ( isset( $webhook['id'] ) && (string) $webhook['id'] === $id ) {
				return ! isset( $webhook['state'] ) || 'off' !== $webhook['state'];
			}
		}
		return false;
	}

	/**
	 * @param array<mixed> $body
	 * @return array<int, array<string, mixed>>
	 */
	private static function webhooks( array $body ): array {
		$list = isset( $body['webhooks'] ) && is_array( $body['webhooks'] ) ? $body['webhooks'] : $body;
		return array_values( array_filter( $list, 'is_array' ) );
	}
}

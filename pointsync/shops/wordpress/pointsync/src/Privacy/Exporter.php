<?php

namespace PointSync\Privacy;

use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Customers\UserValues;
use PointSync\Customers\VerifiedAddress;

/**
 * *Tools › Export Personal Data*: what PointSync stores about a person, and what this plugin stores of the account.
 */
final class Exporter {

	/** Rows of the report on one page of WordPress. */
	const ROWS    = 500;
	const SECONDS = 30.0;

	public function register(): void {
		add_filter( 'wp_privacy_personal_data_exporters', array( self::class, 'add' ) );
	}

	/**
	 * @param array<string, array<string, mixed>> $exporters
	 * @return array<string, array<string, mixed>>
	 */
	public static function add( $exporters ): array {
		$exporters['pointsync'] = array(
			'exporter_friendly_name' => __( 'Points of customers (PointSync)', 'pointsync' ),
			'callback'               => array( self::class, 'export' ),
		);
		return $exporters;
	}

	/**
	 * @param string $email
	 * @param int    $page
	 * @return array{data: array<int, array<string, mixed>>, done: bool}|\WP_Error
	 */
	public static function export( $email, $page = 1 ) {
		$page = max( 1, (int) $page );
		$data = 1 === $page ? self::of_account( (string) $email ) : array();
		if ( ! Shop::is_connected() ) {
			return array( 'data' => $data, 'done' => true );
		}
		$answer = Client::call( 'GET', '/customers/' . rawurlencode( trim( (string) $email ) ) . '/report', null, self::SECONDS );
		if ( 404 === $answer->status || 422 === $answer->status ) {
			return array( 'data' => $data, 'done' => true );
		}
		if ( ! $answer->is_success() || ! isset( $answer->body['sites'] ) || ! is_array( $answer->body['sites'] ) ) {
			/* translators: %s: why, as a sentence */
			return new \WP_Error( 'pointsync', sprintf( __( 'The stored data could not be read from PointSync: %s', 'pointsync' ), $answer->message() ) );
		}
		$items = Report::items( $answer->body['sites'] );
		return array(
			'data' => array_merge( $data, array_slice( $items, ( $page - 1 ) * self::ROWS, self::ROWS ) ),
			'done' => count( $items ) <= $page * self::ROWS,
		);
	}

	/** @return array<int, array<string, mixed>> */
	private static function of_account( string $email ): array {
		$user     = get_user_by( 'email', $email );
		$verified = $user ? VerifiedAddress::last( $user->ID ) : '';
		if ( '' === $verified ) {
			return array();
		}
		$details = UserValues::get( $user->ID, UserValues::DETAILS );
		$rows    = array(
			'address' => $verified,
			'at'      => is_array( $details ) && isset( $details['at'] ) ? (string) $details['at'] : '',
			'how'     => is_array( $details ) && isset( $details['how'] ) ? (string) $details['how'] : '',
		);
		return array( Report::item( 'verified', 'account-' . $user->ID, $rows ) );
	}
}

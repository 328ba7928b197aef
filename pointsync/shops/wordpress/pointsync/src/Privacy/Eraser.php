<?php

namespace PointSync\Privacy;

use PointSync\Connection\Answer;
use PointSync\Connection\Client;
use PointSync\Connection\Shop;

/**
 * *Tools › Erase Personal Data*: asks PointSync to erase the person in all shops of the family, and removes the address
 * from this plugin's own tables at once.
 */
final class Eraser {

	/** The first page asks PointSync and removes rows, the second one cleans texts. */
	const PAGES = 2;

	public function register(): void {
		add_filter( 'wp_privacy_personal_data_erasers', array( self::class, 'add' ) );
	}

	/**
	 * @param array<string, array<string, mixed>> $erasers
	 * @return array<string, array<string, mixed>>
	 */
	public static function add( $erasers ): array {
		$erasers['pointsync'] = array(
			'eraser_friendly_name' => __( 'Points of customers (PointSync)', 'pointsync' ),
			'callback'             => array( self::class, 'erase' ),
		);
		return $erasers;
	}

	/**
	 * @param string $email
	 * @param int    $page
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public static function erase( $email, $page = 1 ): array {
		$subject = new Subject( (string) $email );
		$answer  = 1 === (int) $page && Shop::is_connected() ? self::request( $subject ) : null;
		$message = $answer ? self::explain( $answer ) : '';
		$count   = 1 === (int) $page ? LocalData::forget_rows( $subject ) : LocalData::clean_texts( $subject );
		return array(
			'items_removed'  => $count > 0,
			'items_retained' => '' !== $message,
			'messages'       => '' === $message ? array() : array( $message ),
			'done'           => (int) $page >= self::PAGES,
		);
	}

	private static function request( Subject $subject ): Answer {
		return Client::call( 'DELETE', '/customers/' . rawurlencode( $subject->address ) );
	}

	/** What the admin has to know; empty if PointSync has nothing of the person. */
	private static function explain( Answer $answer ): string {
		if ( 404 === $answer->status || 'customer' === self::refused_field( $answer ) ) {
			return '';
		}
		if ( ! $answer->is_success() || ! isset( $answer->body['erasure']['due_at'], $answer->body['erasure']['id'] ) ) {
			/* translators: %s: why, as a sentence */
			return sprintf( __( 'PointSync was not asked to erase the person, so the points keep the address there: %s Erase the data once more when it works again.', 'pointsync' ), $answer->message() );
		}
		$due_at = (int) strtotime( (string) $answer->body['erasure']['due_at'] );
		return sprintf(
			/* translators: 1: a day and time, 2: a number */
			__( 'PointSync erases the person in all shops of the family on %1$s. Until then, its admins can stop it there under Customers › Erasures. The number of the erasure is %2$s. Keep it with the request: afterwards, the address is gone.', 'pointsync' ),
			wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), $due_at ),
			(string) $answer->body['erasure']['id']
		);
	}

	/** The name of the field that PointSync did not accept: what is no address there belongs to nobody. */
	private static function refused_field( Answer $answer ): string {
		$fields = 422 === $answer->status && isset( $answer->body['error']['fields'] ) ? (array) $answer->body['error']['fields'] : array();
		return (string) key( $fields );
	}
}

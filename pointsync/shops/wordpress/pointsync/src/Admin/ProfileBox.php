<?php

namespace PointSync\Admin;

use PointSync\Connection\Client;
use PointSync\Connection\Shop;
use PointSync\Customers\Refresh;
use PointSync\Customers\Texts;
use PointSync\Customers\VerifiedAddress;
use PointSync\Feed\Address;
use PointSync\Feed\Balances;

/**
 * The box *Points* on a user's profile: the balance, and a change with a reason.
 */
final class ProfileBox {

	const ACTION     = 'pointsync_profile';
	const MAX_POINTS = 1000000000;

	public function register(): void {
		add_action( 'show_user_profile', array( self::class, 'show' ), 20 );
		add_action( 'edit_user_profile', array( self::class, 'show' ), 20 );
		add_action( 'user_profile_update_errors', array( self::class, 'save' ), 10, 3 );
	}

	/** @param \WP_User $user */
	public static function show( $user ): void {
		if ( ! current_user_can( Page::CAPABILITY ) || ! Shop::is_connected() || '' === $user->user_email ) {
			return;
		}
		$verified = VerifiedAddress::of_user( $user->ID );
		$customer = null === $verified ? Address::key( $user->user_email ) : VerifiedAddress::known_as( $user->ID );
		$typed    = self::typed();
		$ref      = bin2hex( random_bytes( 12 ) );
		echo '<h2 id="pointsync-profile">' . esc_html( Texts::title() ) . '</h2><table class="form-table" role="presentation"><tbody>';
		echo '<tr><th scope="row">' . esc_html__( 'Balance', 'pointsync' ) . '</th><td>' . esc_html( Texts::points( (int) Balances::get( $customer ) ) ) . '<p class="description">';
		echo null === $verified
			/* translators: %s: an e-mail address */
			? esc_html( sprintf( __( 'The address %s is not confirmed, so this account neither sees nor spends points.', 'pointsync' ), $user->user_email ) )
			/* translators: %s: an e-mail address */
			: esc_html( sprintf( __( 'The address %s is confirmed.', 'pointsync' ), $user->user_email ) );
		echo '</p></td></tr><tr><th scope="row"><label for="pointsync-points">' . esc_html__( 'Change', 'pointsync' ) . '</label></th><td>';
		wp_nonce_field( self::ACTION, 'pointsync_profile_nonce' );
		printf(
			'<input type="hidden" name="pointsync_ref" value="%1$s"><input type="text" inputmode="numeric" id="pointsync-points" name="pointsync_points" value="%2$s" class="small-text" aria-describedby="pointsync-points-help"><p class="description" id="pointsync-points-help">%3$s</p></td></tr>',
			esc_attr( $typed['ref'] ? $typed['ref'] : $ref ),
			esc_attr( $typed['points'] ),
			esc_html__( 'Such as 50, or -50 to take points. All shops of the family follow.', 'pointsync' )
		);
		printf(
			'<tr><th scope="row"><label for="pointsync-reason">%1$s</label></th><td><input type="text" id="pointsync-reason" name="pointsync_reason" value="%2$s" class="regular-text" maxlength="500"><p class="description">%3$s</p></td></tr></tbody></table>',
			esc_html__( 'Reason', 'pointsync' ),
			esc_attr( $typed['reason'] ),
			esc_html__( 'The customer reads it.', 'pointsync' )
		);
	}

	/**
	 * @param \WP_Error $errors of the profile
	 * @param bool      $update
	 * @param \stdClass $user
	 */
	public static function save( $errors, $update, $user ): void {
		$typed = self::typed();
		if ( ! $update || '' === $typed['points'] || $errors->has_errors() || ! current_user_can( Page::CAPABILITY ) ) {
			return;
		}
		$nonce = isset( $_POST['pointsync_profile_nonce'] ) ? sanitize_text_field( wp_unslash( $_POST['pointsync_profile_nonce'] ) ) : '';
		if ( ! wp_verify_nonce( $nonce, self::ACTION ) ) {
			return;
		}
		$problem = self::find_problem( $typed );
		$found   = get_userdata( (int) $user->ID );
		if ( '' === $problem && $found ) {
			$problem = self::record( $found, (int) str_replace( array( '+', '−' ), array( '', '-' ), $typed['points'] ), $typed['reason'], $typed['ref'] );
		}
		if ( '' !== $problem ) {
			$errors->add( 'pointsync_points', '<strong>' . esc_html( Texts::title() ) . ':</strong> ' . esc_html( $problem ) );
		}
	}

	/** @param array{points: string, reason: string, ref: string} $typed */
	private static function find_problem( array $typed ): string {
		$points = str_replace( '−', '-', $typed['points'] );
		if ( 1 !== preg_match( '/^[+-]?\d{1,10}$/', $points ) || 0 === (int) $points || abs( (int) $points ) > self::MAX_POINTS ) {
			return __( 'Type the change as a whole number, such as 50 or -50.', 'pointsync' );
		}
		if ( '' === $typed['reason'] ) {
			return __( 'Type a reason for the change. The customer reads it.', 'pointsync' );
		}
		return 1 === preg_match( '/^[0-9a-f]{24}$/', $typed['ref'] ) ? '' : __( 'Open the profile again, and repeat the change.', 'pointsync' );
	}

	/** Record the change. The reference of the form makes sure that it counts once, also if the form is sent twice. */
	private static function record( \WP_User $user, int $points, string $reason, string $ref ): string {
		$verified = VerifiedAddress::of_user( $user->ID );
		$answer   = Client::call(
			'POST',
			'/movements',
			array(
				'customer' => null === $verified ? Address::key( $user->user_email ) : $verified,
				'reserve'  => Shop::reserve(),
				'points'   => $points,
				'kind'     => 'manual',
				'reason'   => $reason,
				'ref'      => "profile:{$user->ID}:{$ref}",
			)
		);
		if ( ! $answer->is_success() ) {
			return $answer->message() . ' ' . __( 'Nothing was changed.', 'pointsync' );
		}
		$movement = isset( $answer->body['movement'] ) && is_array( $answer->body['movement'] ) ? $answer->body['movement'] : array();
		if ( isset( $movement['balance'], $movement['customer'] ) ) {
			$state = \PointSync\Feed\Reader::state();
			Balances::set( (string) $movement['customer'], Shop::reserve(), (int) $movement['balance'], $state['generation'] );
		}
		Refresh::soon( $user->ID );
		return '';
	}

	/** @return array{points: string, reason: string, ref: string} */
	private static function typed(): array {
		$read = static fn( string $name ): string => isset( $_POST[ $name ] ) && is_string( $_POST[ $name ] ) ? trim( sanitize_text_field( wp_unslash( $_POST[ $name ] ) ) ) : '';
		return array(
			'points' => $read( 'pointsync_points' ),
			'reason' => $read( 'pointsync_reason' ),
			'ref'    => $read( 'pointsync_ref' ),
		);
	}
}

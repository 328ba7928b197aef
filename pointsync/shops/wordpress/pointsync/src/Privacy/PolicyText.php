<?php

namespace PointSync\Privacy;

/**
 * What the shop's privacy policy can say about points. WordPress offers it under *Settings › Privacy › Policy Guide*.
 */
final class PolicyText {

	public function register(): void {
		add_action( 'admin_init', array( self::class, 'add' ) );
	}

	public static function add(): void {
		if ( ! function_exists( 'wp_add_privacy_policy_content' ) ) {
			return;
		}
		$text = array(
			__( 'Our shops keep a common account of points. For that, the e-mail address of a customer, and for each order its number, amounts and status, are sent to our PointSync, which all shops of the family use.', 'pointsync' ),
			__( 'There, the points of each customer are stored with the date, the number of points, and what they were for. This shop has a copy of its customers’ balances and histories. It shows them to customers who have confirmed their address.', 'pointsync' ),
			__( 'If you ask us to erase your data, your address is removed in all shops of the family. The points remain without a name.', 'pointsync' ),
		);
		wp_add_privacy_policy_content( 'PointSync', '<p>' . implode( '</p><p>', array_map( 'esc_html', $text ) ) . '</p>' );
	}
}

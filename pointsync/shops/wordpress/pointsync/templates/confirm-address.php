<?php
/**
 * My account › Points, while the account's address is not verified.
 *
 * @package PointSync
 * @var WP_User $user
 */

defined( 'ABSPATH' ) || exit;
?>
<div class="pointsync-confirm">
	<p>
		<?php
		/* translators: %s: an e-mail address */
		echo wp_kses( sprintf( __( 'To see and use your points, please confirm that %s is your address.', 'pointsync' ), '<strong>' . esc_html( $user->user_email ) . '</strong>' ), array( 'strong' => array() ) );
		?>
	</p>
	<form method="post" action="<?php echo esc_url( wc_get_account_endpoint_url( PointSync\Customers\AccountPage::slug() ) ); ?>">
		<?php wp_nonce_field( PointSync\Customers\Links::ACTION ); ?>
		<button type="submit" class="woocommerce-Button button<?php echo esc_attr( function_exists( 'wc_wp_theme_get_element_class_name' ) && wc_wp_theme_get_element_class_name( 'button' ) ? ' ' . wc_wp_theme_get_element_class_name( 'button' ) : '' ); ?>" name="<?php echo esc_attr( PointSync\Customers\Links::ACTION ); ?>" value="1">
			<?php esc_html_e( 'Send me a link', 'pointsync' ); ?>
		</button>
	</form>
	<p class="pointsync-small"><?php esc_html_e( 'You get a mail with a link. Open it in this browser, while you are signed in.', 'pointsync' ); ?></p>
</div>

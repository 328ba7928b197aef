<?php
/**
 * Using points, on the classic pages of cart and checkout.
 *
 * @package PointSync
 * @var string $state   `confirm`, `few`, `offer` or `used`
 * @var string $title
 * @var string $text
 * @var string $label
 * @var string $button
 * @var string $url
 * @var int    $most
 * @var int    $minimum
 * @var int    $step
 */

defined( 'ABSPATH' ) || exit;

$pointsync_class = function_exists( 'wc_wp_theme_get_element_class_name' ) ? wc_wp_theme_get_element_class_name( 'button' ) : '';
?>
<section class="pointsync-use" aria-label="<?php echo esc_attr( $title ); ?>">
	<p><?php echo esc_html( $text ); ?></p>
	<?php if ( 'confirm' === $state ) : ?>
		<p><a href="<?php echo esc_url( $url ); ?>"><?php echo esc_html( $button ); ?></a></p>
	<?php elseif ( 'few' !== $state ) : ?>
		<form method="post" class="pointsync-row">
			<?php wp_nonce_field( PointSync\Cart\CartForm::ACTION, 'pointsync_nonce' ); ?>
			<?php if ( 'offer' === $state ) : ?>
				<div>
					<label for="pointsync_points"><?php echo esc_html( $label ); ?></label>
					<input type="number" class="input-text" id="pointsync_points" name="pointsync_points" inputmode="numeric" required
						value="<?php echo esc_attr( (string) $most ); ?>" min="<?php echo esc_attr( (string) $minimum ); ?>"
						max="<?php echo esc_attr( (string) $most ); ?>" step="<?php echo esc_attr( (string) $step ); ?>">
				</div>
			<?php endif; ?>
			<button type="submit" class="button <?php echo esc_attr( $pointsync_class ); ?>" name="<?php echo esc_attr( PointSync\Cart\CartForm::ACTION ); ?>" value="<?php echo esc_attr( 'used' === $state ? 'none' : 'use' ); ?>"><?php echo esc_html( $button ); ?></button>
		</form>
	<?php endif; ?>
</section>

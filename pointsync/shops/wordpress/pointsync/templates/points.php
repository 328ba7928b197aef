<?php
/**
 * My account › Points.
 *
 * @package PointSync
 * @var int      $balance
 * @var object[] $movements newest first
 * @var bool     $has_more  whether there are older ones
 * @var int      $page
 * @var array    $expiring  each with `day` and `points`
 * @var bool     $is_new    whether PointSync was not asked yet
 */

defined( 'ABSPATH' ) || exit;

use PointSync\Customers\AccountPage;
use PointSync\Customers\Texts;

$pointsync_url = wc_get_account_endpoint_url( AccountPage::slug() );
?>
<p class="pointsync-balance">
	<span class="pointsync-number"><?php echo esc_html( number_format_i18n( $balance ) ); ?></span>
	<?php echo esc_html( _n( 'point', 'points', $balance, 'pointsync' ) ); ?>
</p>
<?php if ( $is_new ) : ?>
	<p class="pointsync-small"><?php esc_html_e( 'Your points are being looked up. Please open this page again in a minute.', 'pointsync' ); ?></p>
<?php endif; ?>

<?php if ( $expiring ) : ?>
	<h2 class="pointsync-heading"><?php esc_html_e( 'What expires', 'pointsync' ); ?></h2>
	<ul class="pointsync-expiring">
		<?php foreach ( $expiring as $pointsync_loss ) : ?>
			<li>
				<?php
				/* translators: 1: such as "20 points", 2: a day */
				echo esc_html( sprintf( __( '%1$s on %2$s', 'pointsync' ), Texts::points( (int) $pointsync_loss['points'] ), Texts::day( (string) $pointsync_loss['day'] ) ) );
				?>
			</li>
		<?php endforeach; ?>
	</ul>
<?php endif; ?>

<h2 class="pointsync-heading"><?php esc_html_e( 'History', 'pointsync' ); ?></h2>
<?php if ( ! $movements ) : ?>
	<p><?php esc_html_e( 'Nothing has happened yet.', 'pointsync' ); ?></p>
<?php else : ?>
	<table class="shop_table shop_table_responsive pointsync-history">
		<thead>
			<tr>
				<th scope="col"><?php esc_html_e( 'Date', 'pointsync' ); ?></th>
				<th scope="col"><?php esc_html_e( 'What', 'pointsync' ); ?></th>
				<th scope="col" class="pointsync-right"><?php esc_html_e( 'Points', 'pointsync' ); ?></th>
				<th scope="col" class="pointsync-right"><?php esc_html_e( 'Balance', 'pointsync' ); ?></th>
			</tr>
		</thead>
		<tbody>
			<?php foreach ( $movements as $pointsync_movement ) : ?>
				<tr>
					<td data-title="<?php esc_attr_e( 'Date', 'pointsync' ); ?>"><?php echo esc_html( Texts::day( (string) $pointsync_movement->at ) ); ?></td>
					<td data-title="<?php esc_attr_e( 'What', 'pointsync' ); ?>"><?php echo esc_html( Texts::movement( $pointsync_movement ) ); ?></td>
					<td data-title="<?php esc_attr_e( 'Points', 'pointsync' ); ?>" class="pointsync-right"><?php echo esc_html( Texts::change( (int) $pointsync_movement->points ) ); ?></td>
					<td data-title="<?php esc_attr_e( 'Balance', 'pointsync' ); ?>" class="pointsync-right"><?php echo esc_html( number_format_i18n( (int) $pointsync_movement->balance ) ); ?></td>
				</tr>
			<?php endforeach; ?>
		</tbody>
	</table>
	<?php if ( $has_more || $page > 1 ) : ?>
		<nav class="pointsync-pages" aria-label="<?php esc_attr_e( 'Pages of the history', 'pointsync' ); ?>">
			<?php if ( $page > 1 ) : ?>
				<a class="button" href="<?php echo esc_url( add_query_arg( AccountPage::PAGE, $page - 1, $pointsync_url ) ); ?>"><?php esc_html_e( 'Newer', 'pointsync' ); ?></a>
			<?php endif; ?>
			<?php if ( $has_more ) : ?>
				<a class="button" href="<?php echo esc_url( add_query_arg( AccountPage::PAGE, $page + 1, $pointsync_url ) ); ?>"><?php esc_html_e( 'Older', 'pointsync' ); ?></a>
			<?php endif; ?>
		</nav>
	<?php endif; ?>
<?php endif; ?>

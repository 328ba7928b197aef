<?php

namespace PointSync\MyRewards;

use PointSync\Admin\Actions;
use PointSync\Admin\Flash;
use PointSync\Admin\Form;
use PointSync\Admin\Page;
use PointSync\Connection\Shop;
use PointSync\Storage\Values;

/**
 * The part *MyRewards* of the plugin's page: whether the bridge is on, for which reward system, and who counts orders.
 */
final class Section {

	const ACTION = 'myrewards';
	/** What was typed and refused, for the next view of the form. */
	const TYPED = 'myrewards.typed';

	public function register(): void {
		add_action( 'pointsync_page_sections', array( self::class, 'show' ), 20 );
		add_action( 'admin_post_' . Actions::PREFIX . self::ACTION, array( self::class, 'save' ) );
	}

	public static function show(): void {
		$all = Settings::all();
		if ( ! Program::is_active() && ! $all['is_on'] ) {
			return;
		}
		echo '<h2 id="pointsync-myrewards">MyRewards</h2><p>';
		/* translators: %s: the name of a points reserve */
		echo esc_html( sprintf( __( 'The points of one reward system of MyRewards can follow PointSync (%s). Then its customers have the same points in MyRewards as in all shops of the family, and what MyRewards gives and takes counts in all shops.', 'pointsync' ), Shop::reserve_name() ) );
		echo '</p>';
		if ( $all['is_on'] ) {
			self::show_state();
		}
		self::show_form();
	}

	private static function show_state(): void {
		$waiting = Taken::count_on_the_way();
		echo '<p><strong>' . esc_html__( 'The bridge is on.', 'pointsync' ) . '</strong> ';
		/* translators: %d: a number */
		echo esc_html( sprintf( _n( '%d change of MyRewards is on its way to PointSync.', '%d changes of MyRewards are on their way to PointSync.', $waiting, 'pointsync' ), $waiting ) );
		if ( null !== Values::get( Compare::AFTER ) ) {
			echo ' ' . esc_html__( 'All accounts are being compared.', 'pointsync' );
		}
		echo '</p><p class="description">' . esc_html__( 'MyRewards shows an account the points of other shops once the account has confirmed its address under My account › Points. Until then, it shows the account’s own points.', 'pointsync' ) . '</p>';
	}

	private static function show_form(): void {
		$all   = array_merge( Settings::all(), Values::get_array( self::TYPED ) );
		$pools = Program::pools();
		Values::remove( self::TYPED );
		Form::begin( self::ACTION );
		echo '<table class="form-table" role="presentation"><tbody>';
		self::row( __( 'Bridge', 'pointsync' ) );
		self::choice( 'checkbox', 'is_on', '1', __( 'Points of MyRewards follow PointSync', 'pointsync' ), (bool) $all['is_on'] );
		echo '</td></tr>';
		echo '<tr><th scope="row"><label for="pointsync-pool">' . esc_html__( 'Reward system', 'pointsync' ) . '</label></th><td><select id="pointsync-pool" name="pool">';
		foreach ( $pools as $pool ) {
			/* translators: %s: a reward system of MyRewards */
			$title = $pool['is_on'] ? $pool['title'] : sprintf( __( '%s (not active)', 'pointsync' ), $pool['title'] );
			printf( '<option value="%d" %s>%s</option>', (int) $pool['id'], selected( (int) $all['pool'], $pool['id'], false ), esc_html( $title ) );
		}
		echo '</select></td></tr>';
		self::row( __( 'Orders count', 'pointsync' ) );
		self::choice( 'radio', 'counts', Settings::BY_POINTSYNC, __( 'in PointSync, by its rule. MyRewards gives nothing for orders.', 'pointsync' ), Settings::BY_MYREWARDS !== $all['counts'] );
		self::choice( 'radio', 'counts', Settings::BY_MYREWARDS, __( 'in MyRewards. This plugin reports no orders. Refunds take no points back, unless MyRewards does.', 'pointsync' ), Settings::BY_MYREWARDS === $all['counts'] );
		self::show_events( $pools );
		echo '</td></tr>';
		if ( ! Taken::is_ready( Settings::stack() ) && ! self::has_ready_pool( $pools ) ) {
			self::row( __( 'Points there now', 'pointsync' ) );
			self::choice( 'checkbox', 'may_replace', '1', __( 'PointSync has these points already: its balances replace those of MyRewards', 'pointsync' ), ! empty( $all['may_replace'] ) );
			echo '<p class="description">' . esc_html__( 'Otherwise bring them first, under “Bring points from another program”.', 'pointsync' ) . '</p></td></tr>';
		}
		echo '</tbody></table><p><button type="submit" class="button button-primary">' . esc_html__( 'Save', 'pointsync' ) . '</button></p>';
		Form::end();
	}

	/** @param array<int, array{id: int, title: string, stack: string, is_on: bool, is_used_in_cart: bool, order_events: string[]}> $pools */
	private static function has_ready_pool( array $pools ): bool {
		return 1 === count( $pools ) && Taken::is_ready( $pools[0]['stack'] );
	}

	/** @param array<int, array{id: int, title: string, stack: string, is_on: bool, is_used_in_cart: bool, order_events: string[]}> $pools */
	private static function show_events( array $pools ): void {
		foreach ( $pools as $pool ) {
			if ( $pool['order_events'] ) {
				/* translators: 1: a reward system of MyRewards, 2: ways to earn points there */
				echo '<p class="description">' . esc_html( sprintf( __( '%1$s gives points for orders now: %2$s.', 'pointsync' ), $pool['title'], implode( ', ', $pool['order_events'] ) ) ) . '</p>';
			}
		}
	}

	public static function save(): void {
		if ( ! current_user_can( Page::CAPABILITY ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'pointsync' ), 403 );
		}
		check_admin_referer( Actions::PREFIX . self::ACTION );
		$is_on       = ! empty( $_POST['is_on'] );
		$pool        = isset( $_POST['pool'] ) ? absint( $_POST['pool'] ) : 0;
		$counts      = isset( $_POST['counts'] ) && Settings::BY_MYREWARDS === $_POST['counts'] ? Settings::BY_MYREWARDS : Settings::BY_POINTSYNC;
		$may_replace = ! empty( $_POST['may_replace'] );
		$problem     = $is_on ? Switching::on( $pool, $counts, $may_replace ) : '';
		if ( ! $is_on ) {
			Switching::off();
		}
		if ( '' === $problem ) {
			Flash::set( 'success', $is_on ? __( 'Points of MyRewards follow PointSync. All accounts are compared in the next minutes.', 'pointsync' ) : __( 'Points of MyRewards do not follow PointSync any more.', 'pointsync' ) );
		} else {
			Values::set_array( self::TYPED, compact( 'is_on', 'pool', 'counts', 'may_replace' ) );
			Flash::set( 'error', $problem . ' ' . __( 'Nothing was changed.', 'pointsync' ) );
		}
		wp_safe_redirect( Page::url() . '#pointsync-myrewards' );
		exit;
	}

	private static function row( string $title ): void {
		echo '<tr><th scope="row">' . esc_html( $title ) . '</th><td>';
	}

	private static function choice( string $type, string $name, string $value, string $label, bool $is_chosen ): void {
		printf( '<p><label><input type="%s" name="%s" value="%s" %s> %s</label></p>', esc_attr( $type ), esc_attr( $name ), esc_attr( $value ), checked( $is_chosen, true, false ), esc_html( $label ) );
	}
}

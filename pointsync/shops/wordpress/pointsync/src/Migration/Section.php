<?php

namespace PointSync\Migration;

use PointSync\Admin\Actions as PageActions;
use PointSync\Admin\Form;
use PointSync\Connection\Shop;
use PointSync\MyRewards\Program;
use PointSync\MyRewards\Settings as Bridge;
use PointSync\Storage\Values;

/**
 * The part *Bring points from another program* of the plugin's page: the choice, the dry run, the progress, the result.
 */
final class Section {

	const ROWS = 50;

	public function register(): void {
		add_action( 'pointsync_page_sections', array( self::class, 'show' ), 30 );
	}

	public static function show(): void {
		echo '<h2 id="pointsync-migration">' . esc_html__( 'Bring points from another program', 'pointsync' ) . '</h2>';
		$state = Run::state();
		if ( '' === $state['phase'] ) {
			self::show_form();
			return;
		}
		/* translators: 1: where points come from, 2: what is going on */
		echo '<p><strong>' . esc_html( sprintf( __( 'Points from %1$s: %2$s', 'pointsync' ), Texts::source( $state['source'] ), Texts::phase( $state['phase'] ) ) ) . '</strong>';
		if ( $state['is_stopped'] ) {
			echo ' ' . esc_html__( 'It is stopped.', 'pointsync' );
		}
		echo '</p>';
		if ( '' !== $state['problem'] ) {
			echo '<div class="notice notice-warning inline"><p>' . esc_html( $state['problem'] ) . '</p></div>';
		}
		self::show_totals( $state['phase'] );
		self::show_buttons( $state );
		self::show_put_aside();
	}

	/** @return array<string, string> where points can come from here, by its name */
	public static function sources(): array {
		$sources = array();
		foreach ( Program::pools() as $pool ) {
			if ( ! Bridge::is_on() ) {
				$sources[ Run::MYREWARDS . ':' . $pool['stack'] ] = 'MyRewards: ' . $pool['title'];
			}
		}
		if ( PointsAndRewardsSource::is_there() ) {
			$sources[ Run::POINTS_AND_REWARDS ] = Texts::source( Run::POINTS_AND_REWARDS );
		}
		$sources[ Run::CSV ] = __( 'A CSV file with the columns email and points, and reserve if you like', 'pointsync' );
		return $sources;
	}

	private static function show_form(): void {
		$typed = Values::get_array( Actions::TYPED ) + array(
			'source'      => (string) array_key_first( self::sources() ),
			'program'     => '',
			'was_in_step' => '',
		);
		Values::remove( Actions::TYPED );
		/* translators: %s: the name of a points reserve */
		echo '<p>' . esc_html( sprintf( __( 'What customers had in another program is recorded in PointSync (%s). A dry run comes first. It does no harm to do it again: each person counts once.', 'pointsync' ), Shop::reserve_name() ) ) . '</p>';
		echo '<form method="post" enctype="multipart/form-data" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		echo '<input type="hidden" name="action" value="' . esc_attr( PageActions::PREFIX . Actions::BEGIN ) . '">';
		wp_nonce_field( PageActions::PREFIX . Actions::BEGIN );
		echo '<table class="form-table" role="presentation"><tbody><tr><th scope="row">' . esc_html__( 'From', 'pointsync' ) . '</th><td>';
		foreach ( self::sources() as $name => $text ) {
			self::choice( 'source', $name, $text, $typed['source'] === $name );
		}
		echo '<p><label for="pointsync-file">' . esc_html__( 'File', 'pointsync' ) . '</label> <input type="file" id="pointsync-file" name="file" accept=".csv,.txt,text/csv"></p></td></tr>';
		echo '<tr><th scope="row">' . esc_html__( 'Shops of the family', 'pointsync' ) . '</th><td>';
		self::choice( 'was_in_step', 'yes', __( 'Customers had the same points in all shops. Each shop brings them, and they count once.', 'pointsync' ), 'yes' === $typed['was_in_step'] );
		self::choice( 'was_in_step', 'no', __( 'These points are only this shop’s. All shops get them in addition.', 'pointsync' ), 'no' === $typed['was_in_step'] );
		echo '<p class="description">' . esc_html__( 'If this is your only shop, choose the first.', 'pointsync' ) . '</p></td></tr>';
		echo '<tr><th scope="row"><label for="pointsync-program">' . esc_html__( 'Name of the program', 'pointsync' ) . '</label></th><td>';
		printf( '<input type="text" id="pointsync-program" name="program" value="%s" class="regular-text" maxlength="40" aria-describedby="pointsync-program-help">', esc_attr( $typed['program'] ) );
		echo '<p class="description" id="pointsync-program-help">' . esc_html__( 'Empty: myrewards, points-and-rewards or csv. Use the same name in each shop whose customers had the same points; another name counts in addition.', 'pointsync' ) . '</p></td></tr>';
		echo '</tbody></table><p><button type="submit" class="button button-primary">' . esc_html__( 'Begin the dry run', 'pointsync' ) . '</button></p></form>';
	}

	private static function show_totals( string $phase ): void {
		$totals = Lines::totals();
		echo '<table class="widefat striped pointsync-facts"><thead><tr><th scope="col"></th><th scope="col">' . esc_html__( 'People', 'pointsync' ) . '</th><th scope="col">' . esc_html__( 'Points', 'pointsync' ) . '</th></tr></thead><tbody>';
		foreach ( array( Line::NEW, Lines::READY, Lines::RECORDED, Lines::KNOWN, Lines::REFUSED, Line::DOUBTFUL, Line::EMPTY ) as $state ) {
			if ( isset( $totals[ $state ] ) ) {
				printf( '<tr><th scope="row">%s</th><td>%s</td><td>%s</td></tr>', esc_html( Texts::state( $state ) ), esc_html( number_format_i18n( $totals[ $state ]['lines'] ) ), esc_html( number_format_i18n( $totals[ $state ]['points'] ) ) );
			}
		}
		echo '</tbody></table>';
		if ( Run::READY === $phase && ! empty( $totals[ Lines::READY ]['other'] ) ) {
			/* translators: %s: a number */
			echo '<p>' . esc_html( sprintf( __( 'People who have points in PointSync already, which these are added to: %s.', 'pointsync' ), number_format_i18n( $totals[ Lines::READY ]['other'] ) ) ) . '</p>';
			self::show_rows( array( Lines::READY ), true );
		}
	}

	/** @param array{phase: string, is_stopped: bool} $state */
	private static function show_buttons( array $state ): void {
		echo '<div class="pointsync-buttons">';
		if ( Run::READY === $state['phase'] ) {
			Form::button( Actions::RECORD, __( 'Record', 'pointsync' ), 'button button-primary', __( 'Record these points in PointSync?', 'pointsync' ) );
		} elseif ( Run::is_running() ) {
			Form::button( Actions::STOP, __( 'Stop', 'pointsync' ) );
		} elseif ( $state['is_stopped'] ) {
			Form::button( Actions::RESUME, __( 'Continue', 'pointsync' ), 'button button-primary' );
		}
		if ( Lines::reasons() ) {
			Form::button( Actions::DOWNLOAD, __( 'Download what was left out', 'pointsync' ) );
		}
		if ( ! Run::is_running() ) {
			Form::button( Actions::FORGET, __( 'Close and forget the list', 'pointsync' ) );
		}
		echo '</div>';
	}

	private static function show_put_aside(): void {
		$reasons = Lines::reasons();
		if ( ! $reasons ) {
			return;
		}
		echo '<h3>' . esc_html__( 'Left out', 'pointsync' ) . '</h3><ul class="ul-disc">';
		foreach ( $reasons as $reason => $count ) {
			echo '<li>' . esc_html( number_format_i18n( $count ) . ' · ' . Texts::reason( (string) $reason ) ) . '</li>';
		}
		echo '</ul>';
		self::show_rows( array( Line::DOUBTFUL, Lines::REFUSED ), false );
	}

	/** @param string[] $states */
	private static function show_rows( array $states, bool $has_balance ): void {
		$rows = Lines::in_states( $states, self::ROWS, 0, $has_balance );
		echo '<table class="widefat striped"><thead><tr><th scope="col">' . esc_html__( 'Line or account', 'pointsync' ) . '</th><th scope="col">' . esc_html__( 'E-mail', 'pointsync' ) . '</th><th scope="col">' . esc_html__( 'Points', 'pointsync' ) . '</th><th scope="col">' . ( $has_balance ? esc_html__( 'In PointSync', 'pointsync' ) : esc_html__( 'Why', 'pointsync' ) ) . '</th></tr></thead><tbody>';
		foreach ( $rows as $row ) {
			$last = $has_balance ? number_format_i18n( (int) $row->balance ) : ( '' !== $row->message ? $row->message : Texts::reason( $row->reason ) );
			printf( '<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>', esc_html( $row->place ), esc_html( $row->email ), esc_html( number_format_i18n( (int) $row->points ) ), esc_html( $last ) );
		}
		echo '</tbody></table>';
		if ( count( $rows ) === self::ROWS ) {
			/* translators: %d: a number */
			echo '<p class="description">' . esc_html( sprintf( __( 'These are the first %d.', 'pointsync' ), self::ROWS ) ) . '</p>';
		}
	}

	private static function choice( string $name, string $value, string $label, bool $is_chosen ): void {
		printf( '<p><label><input type="radio" name="%s" value="%s" %s> %s</label></p>', esc_attr( $name ), esc_attr( $value ), checked( $is_chosen, true, false ), esc_html( $label ) );
	}
}

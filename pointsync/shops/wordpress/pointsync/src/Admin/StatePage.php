<?php

namespace PointSync\Admin;

use PointSync\Connection\DoubleCounting;
use PointSync\Connection\Key;
use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Errors;
use PointSync\Feed\Reader;
use PointSync\Feed\Webhook;
use PointSync\Orders\Outbox;
use PointSync\Storage\Options;
use PointSync\Storage\Values;

/**
 * The state of a connected shop: with whom, what waits, what went wrong.
 */
final class StatePage {

	public static function show(): void {
		$problems = Problems::all();
		if ( ! $problems && ! Pace::is_failing() ) {
			echo '<div class="notice notice-success inline"><p>' . esc_html__( 'All good.', 'pointsync' ) . '</p></div>';
		}
		foreach ( $problems as $problem ) {
			echo '<div class="notice notice-warning inline"><p>' . esc_html( $problem ) . '</p></div>';
		}
		self::show_double_counting();
		self::show_table( __( 'State', 'pointsync' ), self::rows() );
		echo '<div class="pointsync-buttons">';
		Form::button( 'send_now', __( 'Send and read now', 'pointsync' ), 'button button-primary' );
		Form::button( 'report_all', __( 'Report all orders again', 'pointsync' ) );
		echo '</div>';
		self::show_refused();
		/** More sections of the page, such as the settings of spending. */
		do_action( 'pointsync_page_sections' );
		self::show_errors();
		echo '<h2>' . esc_html__( 'Found in this shop', 'pointsync' ) . '</h2><ul class="ul-disc">';
		foreach ( Facts::all() as $fact ) {
			echo '<li>' . esc_html( $fact ) . '</li>';
		}
		echo '</ul>';
		self::show_end();
	}

	/** @return array<string, string> */
	private static function rows(): array {
		$site    = (array) Shop::get( 'site', array() );
		$summary = Outbox::summary();
		$pace    = Pace::state();
		$feed    = Reader::state();
		$webhook = Values::get_array( Webhook::STATE );
		return array(
			__( 'PointSync', 'pointsync' )       => ( isset( $site['name'] ) ? $site['name'] . ' · ' : '' ) . Shop::url() . ( isset( $site['version'] ) ? ' · ' . $site['version'] : '' ),
			__( 'Points reserve', 'pointsync' )  => Shop::reserve_name(),
			__( 'Orders count', 'pointsync' )    => RuleText::of( Shop::rule() ),
			__( 'Plugin', 'pointsync' )          => POINTSYNC_VERSION,
			__( 'Last contact', 'pointsync' )    => self::ago( max( $pace['worked_at'], $feed['at'] ) ),
			/* translators: %d: a number */
			__( 'Waiting to be sent', 'pointsync' ) => sprintf( _n( '%d change', '%d changes', $summary['waiting'], 'pointsync' ), $summary['waiting'] )
				. ( $summary['oldest_at'] ? ', ' . self::ago( (int) strtotime( $summary['oldest_at'] ) ) : '' ),
			__( 'Points from other shops', 'pointsync' ) => self::feed_text( $feed, isset( $webhook['id'] ) ),
			__( 'Key', 'pointsync' )             => Key::is_constant() ? __( 'in wp-config.php (POINTSYNC_KEY)', 'pointsync' ) : __( 'stored in this shop', 'pointsync' ),
		);
	}

	/** @param array{cursor: string, generation: int, is_filled: bool, at: int, failed_at: int} $feed */
	private static function feed_text( array $feed, bool $has_webhook ): string {
		if ( ! $feed['is_filled'] ) {
			return __( 'being read for the first time', 'pointsync' );
		}
		$how = $has_webhook ? __( 'arrive within a second', 'pointsync' ) : __( 'arrive within a minute', 'pointsync' );
		/* translators: 1: how fast, 2: such as "2 minutes ago" */
		return sprintf( __( '%1$s; last read %2$s', 'pointsync' ), $how, self::ago( $feed['at'] ) );
	}

	private static function ago( int $time ): string {
		if ( $time <= 0 ) {
			return __( 'never', 'pointsync' );
		}
		/* translators: %s: a time span such as "2 minutes" */
		return sprintf( __( '%s ago', 'pointsync' ), human_time_diff( $time ) );
	}

	/** @param array<string, string> $rows */
	private static function show_table( string $title, array $rows ): void {
		echo '<h2>' . esc_html( $title ) . '</h2><table class="widefat striped pointsync-facts"><tbody>';
		foreach ( $rows as $name => $text ) {
			echo '<tr><th scope="row">' . esc_html( $name ) . '</th><td>' . esc_html( $text ) . '</td></tr>';
		}
		echo '</tbody></table>';
	}

	private static function show_double_counting(): void {
		$names = array_merge( DoubleCounting::hooks(), array_column( DoubleCounting::webhooks(), 'name' ) );
		if ( ! $names ) {
			return;
		}
		echo '<div class="notice notice-warning inline"><p>';
		printf(
			/* translators: %s: names of webhooks */
			esc_html__( 'Something else reports the same orders to PointSync: %s. Until it is switched off, what this plugin reports does not count.', 'pointsync' ),
			esc_html( implode( ', ', array_unique( $names ) ) )
		);
		echo '</p>';
		Form::button( 'webhooks_off', __( 'Switch it off, and let this plugin report the orders', 'pointsync' ), 'button button-primary' );
		echo '</div>';
	}

	private static function show_refused(): void {
		$rows = Outbox::refused( 20 );
		if ( ! $rows ) {
			return;
		}
		echo '<h2>' . esc_html__( 'Could not be sent', 'pointsync' ) . '</h2><table class="widefat striped"><thead><tr><th scope="col">';
		esc_html_e( 'Order', 'pointsync' );
		echo '</th><th scope="col">' . esc_html__( 'Since', 'pointsync' ) . '</th><th scope="col">' . esc_html__( 'Why', 'pointsync' ) . '</th></tr></thead><tbody>';
		foreach ( $rows as $row ) {
			$order = $row->order_id ? wc_get_order( $row->order_id ) : false;
			$label = $order ? '<a href="' . esc_url( $order->get_edit_order_url() ) . '">' . esc_html( $order->get_order_number() ) . '</a>' : esc_html( (string) $row->order_id );
			echo '<tr><td>' . $label . '</td><td>' . esc_html( self::ago( (int) strtotime( $row->changed_at . ' UTC' ) ) ) . '</td><td>' . esc_html( (string) $row->answer ) . '</td></tr>';
		}
		echo '</tbody></table>';
		Form::button( 'retry', __( 'Try again', 'pointsync' ) );
	}

	private static function show_errors(): void {
		$errors = Errors::all();
		if ( ! $errors ) {
			return;
		}
		echo '<h2>' . esc_html__( 'Last errors', 'pointsync' ) . '</h2><table class="widefat striped"><tbody>';
		foreach ( $errors as $error ) {
			echo '<tr><td>' . esc_html( self::ago( (int) strtotime( $error['at'] ) ) ) . '</td><td>' . esc_html( $error['message'] ) . '</td></tr>';
		}
		echo '</tbody></table>';
	}

	/** Disconnect, and what happens to the tables when the plugin is deleted. */
	private static function show_end(): void {
		$choice = Options::get_string( Options::UNINSTALL );
		echo '<h2 id="pointsync-remove">' . esc_html__( 'Removing the plugin', 'pointsync' ) . '</h2>';
		Form::begin( 'uninstall' );
		echo '<fieldset><legend>' . esc_html__( 'If you delete the plugin, what should happen to its tables in this shop?', 'pointsync' ) . '</legend>';
		foreach ( array(
			'keep' => __( 'Keep them: what waits is sent if you install it again.', 'pointsync' ),
			'drop' => __( 'Delete them, with the key. The points stay in PointSync.', 'pointsync' ),
		) as $value => $text ) {
			printf(
				'<p><label><input type="radio" name="tables" value="%s" %s> %s</label></p>',
				esc_attr( $value ),
				checked( 'drop' === $choice ? 'drop' : 'keep', $value, false ),
				esc_html( $text )
			);
		}
		echo '</fieldset><p><button type="submit" class="button">' . esc_html__( 'Save', 'pointsync' ) . '</button></p>';
		Form::end();
		echo '<h2>' . esc_html__( 'Disconnect', 'pointsync' ) . '</h2><p>' . esc_html__( 'Orders are not reported any more. Customers keep their points in PointSync.', 'pointsync' ) . '</p>';
		Form::button( 'disconnect', __( 'Disconnect this shop', 'pointsync' ), 'button', __( 'Disconnect this shop from PointSync?', 'pointsync' ) );
	}
}

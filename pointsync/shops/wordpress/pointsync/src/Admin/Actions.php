<?php

namespace PointSync\Admin;

use PointSync\Connection\Connector;
use PointSync\Connection\DoubleCounting;
use PointSync\Connection\Pace;
use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Connection\StateReport;
use PointSync\Feed\Reader;
use PointSync\Orders\Outbox;
use PointSync\Orders\Sender;
use PointSync\Orders\Sweep;
use PointSync\Storage\Options;

/**
 * What the buttons of the plugin's page do. Each checks the nonce and the capability, and leads back to the page.
 */
final class Actions {

	const PREFIX = 'pointsync_';

	const ALL = array( 'connect', 'disconnect', 'moved', 'copy', 'webhooks_off', 'send_now', 'retry', 'report_all', 'uninstall', 'spending' );

	const NOW_SECONDS = 15.0;

	public function register(): void {
		foreach ( self::ALL as $action ) {
			add_action( 'admin_post_' . self::PREFIX . $action, array( self::class, 'run' ) );
		}
	}

	public static function run(): void {
		$name = substr( (string) current_action(), strlen( 'admin_post_' . self::PREFIX ) );
		if ( ! in_array( $name, self::ALL, true ) || ! current_user_can( Page::CAPABILITY ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'pointsync' ), 403 );
		}
		check_admin_referer( self::PREFIX . $name );
		self::$name();
		wp_safe_redirect( Page::url() );
		exit;
	}

	private static function connect(): void {
		$code    = isset( $_POST['code'] ) ? sanitize_textarea_field( wp_unslash( $_POST['code'] ) ) : '';
		$problem = Connector::connect( $code );
		if ( '' !== $problem ) {
			Flash::set( 'error', $problem, $code );
			return;
		}
		$site = Shop::get( 'site', array() );
		/* translators: %s: the name of a PointSync site */
		Flash::set( 'success', sprintf( __( 'This shop is connected with %s.', 'pointsync' ), isset( $site['name'] ) ? (string) $site['name'] : Shop::url() ) );
	}

	private static function disconnect(): void {
		Connector::disconnect();
		Flash::set( 'success', __( 'This shop is disconnected. Its customers keep their points in PointSync.', 'pointsync' ) );
	}

	private static function moved(): void {
		$problem = StagingGuard::confirm_moved();
		if ( '' !== $problem ) {
			Flash::set( 'error', $problem );
		} else {
			Flash::set( 'success', __( 'PointSync knows the new address. What has happened since is sent now.', 'pointsync' ) );
		}
	}

	private static function copy(): void {
		StagingGuard::confirm_copy();
		Flash::set( 'success', __( 'This copy is not connected any more. The real shop is.', 'pointsync' ) );
	}

	private static function webhooks_off(): void {
		$problem = DoubleCounting::switch_off();
		if ( '' !== $problem ) {
			Flash::set( 'error', $problem );
			return;
		}
		StateReport::send();
		Flash::set( 'success', __( 'Switched off. This plugin reports the orders from now on. Orders that have counted keep their points.', 'pointsync' ) );
	}

	private static function send_now(): void {
		Pace::hurry();
		$is_done = Sender::run( self::NOW_SECONDS );
		Reader::run( self::NOW_SECONDS );
		StateReport::send();
		if ( $is_done ) {
			Flash::set( 'success', __( 'Everything was sent.', 'pointsync' ) );
		} else {
			Flash::set( 'warning', __( 'Not everything could be sent. What waits is sent later.', 'pointsync' ) );
		}
	}

	private static function retry(): void {
		Outbox::retry_refused();
		self::send_now();
	}

	private static function report_all(): void {
		Sweep::begin_again();
		Flash::set( 'success', __( 'All orders of the last 90 days are reported again in the next minutes. Nothing counts twice.', 'pointsync' ) );
	}

	private static function uninstall(): void {
		$choice = isset( $_POST['tables'] ) && 'drop' === $_POST['tables'] ? 'drop' : 'keep';
		Options::set( Options::UNINSTALL, $choice );
		Flash::set( 'success', __( 'Saved.', 'pointsync' ) );
	}

	private static function spending(): void {
		$problem = SpendingSection::save( wp_unslash( $_POST ) );
		if ( '' !== $problem ) {
			Flash::set( 'error', $problem );
		} else {
			Flash::set( 'success', __( 'Saved. This is how points are spent from now on.', 'pointsync' ) );
		}
	}
}

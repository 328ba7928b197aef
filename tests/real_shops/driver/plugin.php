<?php
// The plugin's own state, and what its schedule does.

use PointSync\Connection\Connector;
use PointSync\Feed\Balances;
use PointSync\Orders\Outbox;
use PointSync\Schedule;
use PointSync\Storage\Tables;
use PointSync\Storage\Values;

function do_connect( array $in ) {
	return array( 'problem' => Connector::connect( $in['code'] ) );
}
function do_disconnect( array $in ) {
	Connector::disconnect();
	foreach ( Tables::NAMES as $noun ) {
		$table = Tables::name( $noun );
		$GLOBALS['wpdb']->query( "DELETE FROM {$table}" );
	}
}
function do_tick( array $in ) {
	do_action( Schedule::MINUTE );
}
// Forget when to try again, as if the time had passed.
function do_hurry( array $in ) {
	PointSync\Connection\Pace::hurry();
	do_action( Schedule::MINUTE );
}
function do_day( array $in ) {
	do_action( Schedule::DAY );
	do_action( Schedule::MINUTE );
}
function do_falsify( array $in ) {
	global $wpdb;
	$wpdb->update( Tables::name( 'balance' ), array( 'points' => $in['points'] ), array( 'customer' => $in['email'] ) );
}
function do_balances( array $in ) {
	$balances = array();
	foreach ( $in['emails'] as $email ) {
		$balances[ strtolower( $email ) ] = Balances::get( $email ) ?? 0;
	}
	return (object) $balances;
}
function do_outbox( array $in ) {
	global $wpdb;
	$table = Tables::name( 'outbox' );
	return array(
		'summary' => Outbox::summary(),
		'rows'    => $wpdb->get_results( "SELECT id, kind, order_id, state, attempts, status, answer FROM {$table} ORDER BY id DESC LIMIT 50" ),
		'pace'    => PointSync\Connection\Pace::state(),
		'errors'  => PointSync\Errors::all(),
	);
}
function do_value( array $in ) {
	return Values::get( $in['name'] );
}
// What Action Scheduler runs now, as WP-Cron would start it.
function do_run_actions( array $in ) {
	PointSync\Schedule::ensure();
	$hooks = array( 'pointsync_minute', 'pointsync_hour', 'pointsync_day', 'pointsync_soon' );
	$ran   = array();
	foreach ( $hooks as $hook ) {
		add_action( $hook, static function () use ( $hook, &$ran ) { $ran[] = $hook; }, 99 );
	}
	sleep( 2 );  // the first time of each is a second after it was scheduled
	ActionScheduler::runner()->run( 'tests' );
	return array( 'ran' => array_values( array_unique( $ran ) ) );
}
function do_facts( array $in ) {
	return array(
		'connected' => PointSync\Connection\Shop::is_connected(),
		'stopped'   => PointSync\Connection\StagingGuard::is_stopped(),
		'home'      => PointSync\Connection\Shop::home(),
		'id'        => PointSync\Connection\Shop::id(),
		'has_key'   => '' !== PointSync\Connection\Key::get(),
		'problems'  => PointSync\Admin\Problems::all(),
		'state'     => PointSync\Connection\StateReport::state(),
		'autoloads' => array_intersect( array( 'pointsync_shop', 'pointsync_key' ), array_keys( wp_load_alloptions() ) ),
	);
}
function do_moved( array $in ) {
	return array( 'problem' => PointSync\Connection\StagingGuard::confirm_moved() );
}
function do_copy( array $in ) {
	PointSync\Connection\StagingGuard::confirm_copy();
}
// Everything that the plugin has stored, to be put back after a case.
function do_remember( array $in ) {
	return array( 'shop' => get_option( 'pointsync_shop' ), 'key' => get_option( 'pointsync_key' ) );
}
function do_put_back( array $in ) {
	PointSync\Storage\Options::set( 'pointsync_shop', $in['shop'] );
	PointSync\Storage\Options::set( 'pointsync_key', $in['key'] );
	PointSync\Feed\Reader::begin_anew();
	PointSync\Feed\Webhook::subscribe();
}
function do_state_report( array $in ) {
	return array( 'sent' => PointSync\Connection\StateReport::send() );
}
// As WordPress deletes a plugin: its files are not deleted here.
function do_uninstall( array $in ) {
	global $wpdb;
	PointSync\Storage\Options::set( 'pointsync_uninstall', $in['choice'] );
	define( 'WP_UNINSTALL_PLUGIN', 'pointsync/pointsync.php' );
	include WP_PLUGIN_DIR . '/pointsync/uninstall.php';
	$found = array(
		'tables'  => count( $wpdb->get_col( "SHOW TABLES LIKE '{$wpdb->prefix}pointsync%'" ) ),
		'options' => (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE 'pointsync%'" ),
	);
	PointSync\Storage\Tables::update();
	return $found;
}
// Switch the plugin on or off, and let it call another address.
function do_activate( array $in ) {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$file    = 'pointsync/pointsync.php';
	$plugins = array_diff( (array) get_option( 'active_plugins' ), array( $file ) );
	update_option( 'active_plugins', array_values( $in['is_on'] ? array_merge( $plugins, array( $file ) ) : $plugins ) );
	if ( '' !== $in['url'] ) {
		update_option( 'pointsync_shop', array( 'url' => $in['url'] ) + (array) get_option( 'pointsync_shop' ) );
	}
}

<?php
// Balances of other programs, and bringing them to PointSync.

use PointSync\Migration\Actions;
use PointSync\Migration\Lines;
use PointSync\Migration\PointsAndRewardsSource;
use PointSync\Migration\Run;

// The table of WooCommerce Points and Rewards, made after its documentation: the program itself is not free.
function do_points_and_rewards( array $in ) {
	global $wpdb;
	$table = PointsAndRewardsSource::table();
	$wpdb->query( "DROP TABLE IF EXISTS {$table}" );
	if ( empty( $in['rows'] ) ) {
		return;
	}
	$wpdb->query( "CREATE TABLE {$table} (id BIGINT(20) NOT NULL AUTO_INCREMENT, user_id BIGINT(20) NOT NULL, points BIGINT(20) NOT NULL, points_balance BIGINT(20) NOT NULL, order_id BIGINT(20), date DATETIME NOT NULL, PRIMARY KEY (id), KEY idx_user_id_points_balance (user_id, points_balance))" );
	foreach ( $in['rows'] as list( $user, $points, $left ) ) {
		$wpdb->insert( $table, array( 'user_id' => $user, 'points' => $points, 'points_balance' => $left, 'date' => gmdate( 'Y-m-d H:i:s' ) ) );
	}
}
// Begin a dry run; a CSV text stands for the uploaded file.
function do_migration_begin( array $in ) {
	if ( isset( $in['csv'] ) ) {
		$stream = fopen( 'php://temp', 'r+b' );
		fwrite( $stream, $in['csv'] );
		rewind( $stream );
		$problem = Actions::read_stream( $stream );
		if ( '' !== $problem ) {
			return array( 'problem' => $problem );
		}
	}
	Run::begin( $in['source'], $in['program'] ?? $in['source'], $in['was_in_step'], $in['stack'] ?? '' );
	Run::go_on( $in['seconds'] ?? 30.0 );
	return do_migration( $in );
}
function do_migration_record( array $in ) {
	Run::record();
	Run::go_on( $in['seconds'] ?? 30.0 );
	return do_migration( $in );
}
function do_migration_go_on( array $in ) {
	Run::go_on( $in['seconds'] ?? 30.0 );
	return do_migration( $in );
}
function do_migration_stop( array $in ) {
	Run::stop();
}
function do_migration_resume( array $in ) {
	Run::resume();
	return do_migration_go_on( $in );
}
function do_migration_forget( array $in ) {
	Run::forget();
}
function do_migration( array $in ) {
	ob_start();
	PointSync\Migration\Section::show();
	$page   = ob_get_clean();
	$totals = Lines::totals();
	return array(
		'phase'   => Run::state()['phase'],
		'stopped' => Run::state()['is_stopped'],
		'problem' => Run::state()['problem'],
		'lines'   => (object) array_map( static fn( $each ) => $each['lines'], $totals ),
		'points'  => (object) array_map( static fn( $each ) => $each['points'], $totals ),
		'other'   => $totals['ready']['other'] ?? 0,
		'reasons' => (object) Lines::reasons(),
		'page'    => $page,
	);
}

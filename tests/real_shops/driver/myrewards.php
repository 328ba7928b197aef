<?php
// What MyRewards does by itself, and the bridge to it. The shop has MyRewards already, or these cases are skipped.

use PointSync\MyRewards\Bridge;
use PointSync\MyRewards\Program;
use PointSync\MyRewards\Settings;
use PointSync\MyRewards\Switching;
use PointSync\MyRewards\Taken;
use PointSync\Storage\Values;

function driver_pool() {
	return LWS\WOOREWARDS\Collections\Pools::instanciate()->load( array( 'deep' => true ) )->first();
}
// An active pool without events for orders, as if nothing had ever been bridged; null without MyRewards.
function do_myrewards_pool( array $in ) {
	if ( ! Program::is_active() || ! Program::pools() ) {
		return null;
	}
	Switching::off();
	Values::remove( Taken::STATE );
	PointSync\Migration\Run::forget();
	$pool = driver_pool();
	$pool->setOption( 'public', true );
	$pool->setOption( 'direct_reward_mode', false );
	foreach ( $pool->getEvents()->asArray() as $event ) {
		if ( Program::is_order_event( $event ) ) {
			$event->setGain( ! empty( $in['order_points'] ) && 'lws_woorewards_events_orderamount' === $event->getType() ? '1' : '0' );
		}
	}
	$pool->save();
	do_spending( array( 'set' => array( 'values' => array() ) ) );
	return Program::pools_of( $pool->getStackId() )[0];
}
function do_myrewards_in_cart( array $in ) {
	$pool = driver_pool();
	$pool->setOption( 'direct_reward_mode', $in['is_on'] );
	$pool->save();
}
function do_myrewards_on( array $in ) {
	$pool = driver_pool();
	return array( 'problem' => Switching::on( (int) $pool->getId(), $in['counts'] ?? Settings::BY_POINTSYNC, ! empty( $in['may_replace'] ) ) );
}
function do_myrewards_off( array $in ) {
	Switching::off();
}
// Changes as MyRewards makes them, each as a request of its own would: nothing is cached, and its end settles.
function do_myrewards_moves( array $in ) {
	foreach ( $in['moves'] as list( $user, $how, $points ) ) {
		wp_cache_flush();
		$pool = driver_pool();
		$pool->$how( $user, $points, $in['reason'] ?? 'A review' );
		if ( ! empty( $in['is_killed'] ) ) {
			posix_kill( getmypid(), SIGKILL );
		}
		Bridge::settle_changed();
		usleep( random_int( 0, $in['pause'] ?? 0 ) );
	}
}
// MyRewards' balances, without its caches: those that customers see.
function do_myrewards_points( array $in ) {
	wp_cache_flush();
	$pool   = driver_pool();
	$points = array();
	foreach ( $in['accounts'] as $id ) {
		$points[] = (int) $pool->getPoints( $id );
	}
	return $points;
}
// What its history says that it has moved since a row, without the bridge's own rows.
function do_myrewards_history( array $in ) {
	global $wpdb;
	$table = Program::table();
	$own   = PointSync\MyRewards\Row::OWN_ORIGIN;
	$moved = array();
	foreach ( $in['accounts'] as $id ) {
		$moved[] = (int) $wpdb->get_var( $wpdb->prepare( "SELECT SUM(points_moved) FROM {$table} WHERE user_id = %d AND id > %d AND COALESCE(origin, '') <> %s", $id, $in['after'] ?? 0, $own ) );
	}
	return $moved;
}
function do_myrewards_state( array $in ) {
	return array(
		'after'      => PointSync\MyRewards\History::last_id(),
		'on_the_way' => Taken::count_on_the_way(),
		'problem'    => Switching::problem_now(),
		'is_on'      => Settings::is_on(),
	);
}
// Somebody else has written over a balance, as a lost race does.
function do_myrewards_overwrite( array $in ) {
	update_user_meta( $in['account'], Program::META_PREFIX . Settings::stack(), $in['points'] );
}
function do_myrewards_compare( array $in ) {
	PointSync\MyRewards\Compare::begin();
	PointSync\MyRewards\Compare::go_on();
}
function do_accounts( array $in ) {
	return array_map( static fn( $email ) => do_new_account( array( 'email' => $email, 'verified' => ! empty( $in['verified'] ) ) )['id'], $in['emails'] );
}
function do_myrewards_order_events( array $in ) {
	$pool = driver_pool();
	foreach ( $pool->getEvents()->asArray() as $event ) {
		if ( 'lws_woorewards_events_orderamount' === $event->getType() ) {
			$event->setGain( $in['points'] );
		}
	}
	$pool->save();
}
function do_forget_reports( array $in ) {
	PointSync\Orders\OrderReports::forget();
}
// As if PointSync had answered some minutes ago.
function do_myrewards_long_ago( array $in ) {
	global $wpdb;
	$table = PointSync\Storage\Tables::name( 'outbox' );
	$wpdb->query( "UPDATE {$table} SET sent_at = sent_at - INTERVAL 10 MINUTE WHERE reference LIKE 'myrewards:%'" );
}
// How many rows do not begin where the row before has ended: there, one request has overwritten another's balance.
function do_myrewards_races( array $in ) {
	global $wpdb;
	$table = Program::table();
	$count = 0;
	foreach ( $in['accounts'] as $id ) {
		$before = null;
		foreach ( $wpdb->get_results( $wpdb->prepare( "SELECT points_moved, new_total FROM {$table} WHERE user_id = %d AND id > %d ORDER BY id", $id, $in['after'] ) ) as $row ) {
			$count += null !== $before && $before + $row->points_moved !== (int) $row->new_total ? 1 : 0;
			$before = (int) $row->new_total;
		}
	}
	return array( 'count' => $count );
}

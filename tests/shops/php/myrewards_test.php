<?php
use PointSync\MyRewards\Row;
use PointSync\MyRewards\Target;

const SHOP_ID = '0123456789abcdef0123456789abcdef';

function row( $moved, array $more = array() ): Row {
	return new Row( (object) ( $more + array( 'id' => '7', 'user_id' => '3', 'points_moved' => $moved, 'new_total' => '120', 'mvt_date' => '2026-12-01 10:00:00', 'origin' => null, 'commentar' => 'A review' ) ) );
}

function test_a_row_says_what_it_has_moved(): void {
	same( 20, row( '20' )->points( 0 ) );
	same( -20, row( '-20' )->points( 0 ) );
	same( 0, row( '0' )->points( 5 ) );
	same( 'earn', row( '20' )->kind( 20 ) );
	same( 'spend', row( '-20' )->kind( -20 ) );
}
function test_a_balance_that_was_set_is_a_difference(): void {
	same( 20, row( null )->points( 100 ) );
	same( -30, row( null )->points( 150 ) );
	same( 'manual', row( null )->kind( 20 ) );
}
function test_a_change_that_was_cut_off_is_a_difference(): void {
	$row = row( '32767', array( 'new_total' => '50120' ) );
	same( 50000, $row->points( 120 ) );
	same( 'earn', $row->kind( 50000 ) );
	same( -90000, row( '-32768', array( 'new_total' => '-89880' ) )->points( 120 ) );
	same( 32766, row( '32766' )->points( 0 ), 'the largest that is not' );
	same( null, Row::moved( -40000 ), 'the plugin’s own row tells only the balance then' );
}
function test_a_reference_names_one_row_of_one_shop(): void {
	$reference = row( '20' )->reference( SHOP_ID );
	same( 1, preg_match( '/^myrewards:0123456789ab:7:[0-9a-f]{12}$/', $reference ), $reference );
	same( $reference, row( '20' )->reference( SHOP_ID ), 'always the same' );
	$others = array(
		row( '21' ),
		row( '20', array( 'id' => '8' ) ),
		row( '20', array( 'user_id' => '4' ) ),
		row( '20', array( 'mvt_date' => '2026-12-01 10:00:01' ) ),
		row( '20', array( 'new_total' => '121' ) ),
	);
	foreach ( $others as $index => $other ) {
		same( false, $reference === $other->reference( SHOP_ID ), "the id of a restored database is used again: $index" );
	}
	same( false, $reference === row( '20' )->reference( strrev( SHOP_ID ) ) );
}
function test_a_movement_has_happened_already(): void {
	$movement = row( '-20' )->movement( SHOP_ID, 'a@x.example', 'default', -20, str_repeat( 'ä', 600 ) );
	same( true, $movement['done'] );
	same( '2026-12-01T10:00:00Z', $movement['at'] );
	same( 500, mb_strlen( $movement['reason'] ) );
	same( row( '-20' )->reference( SHOP_ID ), $movement['ref'] );
}
function test_a_verified_account_follows_the_ledger(): void {
	same( 130, Target::of( true, false, 100, 30 ) );
	same( -5, Target::of( true, false, 0, -5 ) );
	same( null, Target::of( true, false, null, 30 ), 'nothing is known yet' );
}
function test_another_account_is_left_alone(): void {
	same( null, Target::of( false, false, 500, 30 ) );
	same( 0, Target::of( false, true, 500, 0 ), 'its points belong to who has the address now' );
}

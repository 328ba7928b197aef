<?php
use PointSync\Connection\Answer;
use PointSync\Connection\Pace;

function test_the_wait_grows_up_to_a_quarter_of_an_hour(): void {
	$waits = array_map( static fn( int $failures ): int => Pace::wait_seconds( $failures, 0 ), range( 0, 9 ) );
	same( array( 10, 10, 30, 60, 120, 300, 600, 900, 900, 900 ), $waits );
}
function test_pointsync_can_ask_for_a_longer_wait_up_to_an_hour(): void {
	same( 120, Pace::wait_seconds( 1, 120 ) );
	same( 900, Pace::wait_seconds( 9, 120 ) );
	same( 3600, Pace::wait_seconds( 1, 86400 ) );
}
function refusal( int $status, string $code ): Answer {
	return new Answer( $status, array( 'error' => array( 'code' => $code, 'message' => 'No.' ) ) );
}
function test_what_only_an_admin_can_change_stops_everything(): void {
	foreach ( array( array( 401, 'unauthorized' ), array( 403, 'forbidden' ), array( 409, 'no_rule' ), array( 409, 'counted_twice' ), array( 409, 'other_shop' ), array( 409, 'other_address' ), array( 429, 'too_many' ), array( 503, 'fetching_back' ), array( 408, 'too_slow' ) ) as $each ) {
		same( true, Pace::concerns_all( refusal( $each[0], $each[1] ) ), $each[1] );
	}
	same( true, Pace::concerns_all( new Answer( 0, array(), 'No answer.' ) ) );
	same( true, Pace::concerns_all( new Answer( 502, array(), 'Something else.' ) ) );
}
function test_a_refusal_of_one_call_stops_nothing_else(): void {
	foreach ( array( array( 409, 'hold_ended' ), array( 409, 'ref_conflict' ), array( 422, 'invalid' ), array( 404, 'unknown_hold' ), array( 413, 'too_large' ) ) as $each ) {
		same( false, Pace::concerns_all( refusal( $each[0], $each[1] ) ), $each[1] );
	}
}
function test_an_answer_says_what_went_wrong(): void {
	same( 'No.', refusal( 409, 'no_rule' )->message() );
	same( 'no_rule', refusal( 409, 'no_rule' )->code() );
	same( 'PointSync answered with the status 418.', ( new Answer( 418, array() ) )->message() );
	same( '', ( new Answer( 200, array( 'error' => 'x' ) ) )->message() );
	same( '', ( new Answer( 400, array( 'error' => array( 'code' => array() ) ) ) )->code() );
}

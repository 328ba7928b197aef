<?php
use PointSync\Connection\Answer;
use PointSync\Spending\Account;
use PointSync\Spending\Outcome;
use PointSync\Spending\Ref;
use PointSync\Spending\Step;
use PointSync\Spending\Target;

$GLOBALS['options']['pointsync_shop'] = array( 'id' => str_repeat( 'a', 32 ) );

function account( array $values = array() ): Account {
	$account = new Account( 17, 'wc_order_x', 'alice@example.com', 'default', 200 );
	foreach ( $values as $name => $value ) {
		$account->$name = $value;
	}
	return $account;
}
function error_answer( int $status, string $code ): Answer {
	return new Answer( $status, array( 'error' => array( 'code' => $code, 'message' => "It is $code." ) ) );
}
function hold_answer( string $state, ?int $captured = null ): Answer {
	return new Answer( 200, array( 'hold' => array( 'state' => $state, 'captured_points' => $captured ) ) );
}
function apply( Account $account, array $step, Answer $answer ): string {
	$account->step = $step;
	return Outcome::apply( $account, $step, $answer, 'Order 17', '2026-11-30T12:00:00Z' );
}

function test_statuses_say_what_should_be_taken(): void {
	foreach ( array( 'on-hold', 'processing', 'completed', 'picked-up' ) as $status ) {
		same( array( Target::PAID, 200 ), array_values( (array) Target::of( $status, 200, 0.0, 0 ) ), $status );
	}
	foreach ( array( 'cancelled', 'failed', 'refunded', 'trash', '' ) as $status ) {
		same( array( Target::OFF, 0 ), array_values( (array) Target::of( $status, 200, 0.0, 0 ) ), $status );
	}
	foreach ( array( 'pending', 'checkout-draft' ) as $status ) {
		same( Target::OPEN, Target::of( $status, 200, 0.0, 0 )->phase, $status );
	}
	same( Target::OFF, Target::of( 'processing', 0, 0.0, 0 )->phase, 'the points were taken off the order' );
	same( 110, Target::of( 'processing', 200, 0.25, 40 )->points );
	same( 0, Target::of( 'processing', 200, 0.9, 40 )->points );
}
function test_an_order_that_waits_keeps_its_hold(): void {
	same( null, Step::next( account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) ), new Target( Target::OPEN, 200 ) ) );
	same( null, Step::next( account(), new Target( Target::OPEN, 200 ) ), 'the checkout holds, nobody else' );
}
function test_a_paid_order_captures_its_hold(): void {
	$account = account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) );
	$step    = Step::next( $account, new Target( Target::PAID, 200 ) );
	same( array( 'do' => Step::CAPTURE, 'number' => 1, 'points' => 200 ), $step );
	same( Outcome::GO_ON, apply( $account, $step, hold_answer( 'captured', 200 ) ) );
	same( array( 200, Step::NONE, null ), array( $account->taken, $account->hold_state, $account->step ) );
	same( Ref::of_spend( $account, 1 ), $account->movements[0]['ref'] );
	same( null, Step::next( $account, new Target( Target::PAID, 200 ) ) );
}
function test_an_order_that_is_off_frees_its_hold(): void {
	$account = account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) );
	$step    = Step::next( $account, new Target( Target::OFF, 0 ) );
	same( Step::RELEASE, $step['do'] );
	same( Outcome::GO_ON, apply( $account, $step, error_answer( 404, 'unknown_hold' ) ), 'one that was never placed' );
	same( array( Step::NONE, 0 ), array( $account->hold_state, $account->taken ) );
	same( null, Step::next( $account, new Target( Target::OFF, 0 ) ) );
}
function test_what_was_taken_goes_back_and_is_taken_again(): void {
	$account = account( array( 'taken' => 200, 'hold_number' => 1 ) );
	$step    = Step::next( $account, new Target( Target::OFF, 0 ) );
	same( array( 'do' => Step::REFUND, 'number' => 1, 'points' => 200 ), $step );
	same( Outcome::GO_ON, apply( $account, $step, new Answer( 201, array( 'movement' => array() ) ) ) );
	same( array( 200, 1 ), array( $account->returned, $account->refund_number ) );
	same( array( 'do' => Step::HOLD, 'number' => 2, 'points' => 200 ), Step::next( $account, new Target( Target::PAID, 200 ) ), 'the order is on again' );
}
function test_a_refund_gives_only_the_difference(): void {
	$account = account( array( 'taken' => 200, 'returned' => 50, 'hold_number' => 1, 'refund_number' => 1 ) );
	same( array( 'do' => Step::REFUND, 'number' => 2, 'points' => 50 ), Step::next( $account, new Target( Target::PAID, 100 ) ) );
	same( array( 'do' => Step::HOLD, 'number' => 2, 'points' => 20 ), Step::next( $account, new Target( Target::PAID, 170 ) ), 'a refund was deleted' );
}
function test_no_answer_keeps_the_step(): void {
	$account = account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) );
	$step    = Step::capture( $account );
	foreach ( array( new Answer( 0 ), new Answer( 503 ), error_answer( 401, 'unauthorized' ), error_answer( 409, 'other_address' ) ) as $answer ) {
		same( Outcome::LATER, apply( $account, $step, $answer ) );
		same( $step, $account->step );
	}
}
function test_too_few_points_stop_and_say_so(): void {
	$account = account();
	same( Outcome::STUCK, apply( $account, Step::hold( $account, 200 ), error_answer( 409, 'insufficient_points' ) ) );
	same( array( Outcome::INSUFFICIENT, null ), array( $account->problem, $account->step ) );
}
function test_a_hold_that_has_ended_is_tried_once_more(): void {
	$account = account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) );
	same( Outcome::GO_ON, apply( $account, Step::capture( $account ), error_answer( 409, 'hold_ended' ) ) );
	same( array( 'do' => Step::HOLD, 'number' => 2, 'points' => 200 ), Step::next( $account, new Target( Target::PAID, 200 ) ) );
}
function test_a_hold_that_pointsync_has_forgotten_is_taken_as_done(): void {
	$account = account( array( 'hold_state' => Step::HELD, 'hold_points' => 200, 'hold_number' => 1 ) );
	same( Outcome::GO_ON, apply( $account, Step::capture( $account ), error_answer( 404, 'unknown_hold' ) ) );
	same( array( 'do' => Step::TAKE, 'number' => 1, 'points' => 200 ), $account->step );
	same( Outcome::GO_ON, apply( $account, $account->step, new Answer( 201 ) ) );
	same( array( 200, 1, null ), array( $account->taken, $account->hold_number, $account->step ) );
}
function test_a_restored_shop_takes_the_next_number(): void {
	$account = account();
	same( Outcome::GO_ON, apply( $account, Step::hold( $account, 200 ), error_answer( 409, 'ref_conflict' ) ) );
	same( 2, Step::hold( $account, 200 )['number'] );
}
function test_a_restored_shop_learns_that_its_hold_was_captured(): void {
	$account = account();
	same( Outcome::ASK, apply( $account, Step::hold( $account, 200 ), error_answer( 409, 'hold_ended' ) ) );
	same( Outcome::GO_ON, Outcome::adopt( $account, hold_answer( 'captured', 200 ), 'Order 17', '2026-11-30T12:00:00Z' ) );
	same( array( 200, null ), array( $account->taken, $account->step ) );
	$account->step = Step::release( $account );
	Outcome::adopt( $account, hold_answer( 'captured', 200 ), 'Order 17', '2026-11-30T12:00:00Z' );
	same( 200, $account->taken, 'counted once' );
}
function test_a_movement_that_the_feed_tells_counts_as_it_is(): void {
	$account = account( array( 'taken' => 200, 'hold_number' => 1 ) );
	same( Outcome::STUCK, apply( $account, Step::refund( $account, 50 ), error_answer( 409, 'ref_conflict' ) ) );
	$account->step = null;
	Outcome::remember( $account, 3, array( 'ref' => 'r', 'points' => 80, 'kind' => 'refund', 'reason' => '', 'at' => '' ) );
	same( array( 80, 3 ), array( $account->returned, $account->refund_number ) );
	Outcome::remember( $account, 2, array( 'ref' => 's', 'points' => -30, 'kind' => 'spend', 'reason' => '', 'at' => '' ) );
	same( array( 230, 2 ), array( $account->taken, $account->hold_number ) );
}
function test_references_name_the_shop_the_order_and_its_key(): void {
	same( 'hold:17:wc_order_x:2', Ref::of_hold( account(), 2 ) );
	$ref = Ref::of_refund( account(), 4 );
	same( array( 'kind' => 'return', 'order_id' => 17, 'order_key' => 'wc_order_x', 'number' => 4 ), Ref::parse( $ref ) );
	foreach ( array( '', 'order-17', 'spend:000000000000:17:wc_order_x:1', substr( $ref, 0, -1 ), $ref . 'x' ) as $other ) {
		same( null, Ref::parse( $other ), $other );
	}
}
function test_what_can_never_work_is_told_to_the_staff(): void {
	$account = account();
	same( Outcome::STUCK, apply( $account, Step::hold( $account, 200 ), error_answer( 422, 'inactive_reserve' ) ) );
	same( array( Outcome::REFUSED, 'It is inactive_reserve.' ), array( $account->problem, $account->message ) );
}

function test_steps_that_name_the_customer(): void {
	$named = array_filter(
		array( Step::HOLD, Step::CAPTURE, Step::RELEASE, Step::REFUND, Step::TAKE ),
		static fn( string $what ): bool => Step::names_customer( array( 'do' => $what ) )
	);
	same( array( Step::HOLD, Step::REFUND, Step::TAKE ), array_values( $named ) );
}

<?php
use PointSync\Cart\Money;
use PointSync\Cart\Rules;

function test_amounts_are_whole_numbers(): void {
	same( 1230, Money::to_units( '12.30', 2 ) );
	same( 1230, Money::to_units( 12.3, 2 ) );
	same( 12, Money::to_units( '12', 0 ) );
	same( 10000, Money::to_units( '0.01', 6 ) );
	same( 1, Money::to_units( '0.005', 2 ), 'rounded half up' );
	same( 0, Money::to_units( '0.004', 2 ) );
	same( 1999, Money::to_units( 19.99, 2 ) );
	same( 10, Money::to_units( 0.1 * 3 - 0.2, 2 ) );
	foreach ( array( '', '-1', '1,5', 'abc', '1e5', '99999999999' ) as $wrong ) {
		same( null, Money::to_units( $wrong, 2 ), $wrong );
	}
}
function test_amounts_are_printed_with_a_point(): void {
	same( '12.30', Money::to_text( 1230, 2 ) );
	same( '0.05', Money::to_text( 5, 2 ) );
	same( '7', Money::to_text( 7, 0 ) );
	same( '0.000', Money::to_text( 0, 3 ) );
}
function test_without_a_value_nothing_can_be_spent(): void {
	$rules = new Rules( '0', 2 );
	same( false, $rules->allow_spending() );
	same( 0, $rules->most( 500, 5000 ) );
	same( 0, $rules->points_for( 100 ) );
}
function test_points_pay_their_value_rounded_down(): void {
	same( 500, ( new Rules( '0.01', 2 ) )->amount_of( 500 ) );
	same( 33, ( new Rules( '0.003333', 2 ) )->amount_of( 100 ) );
	same( 5, ( new Rules( '0.5', 0 ) )->amount_of( 11 ) );
	same( 12345678900, ( new Rules( '12345.6789', 2 ) )->amount_of( 10000 ), 'no overflow' );
	same( 1000000000 * 1000000, ( new Rules( '10000', 2 ) )->amount_of( 1000000000 ), 'no overflow with the most points' );
}
function test_the_fewest_points_for_an_amount(): void {
	same( 500, ( new Rules( '0.01', 2 ) )->points_for( 500 ) );
	same( 200, ( new Rules( '0.1', 2 ) )->points_for( 1999 ), 'the last point pays less than its value' );
	same( 3, ( new Rules( '0.333333', 2 ) )->points_for( 99 ) );
	same( 0, ( new Rules( '0.1', 2 ) )->points_for( 0 ) );
}
function test_never_more_than_the_goods_and_the_balance(): void {
	$rules = new Rules( '0.1', 2 );
	same( 199, $rules->most( 500, 1999 ) );
	same( 50, $rules->most( 50, 1999 ) );
	same( 0, $rules->most( 0, 1999 ) );
	same( 0, $rules->most( -5, 1999 ) );
	same( 0, $rules->most( 50, 5 ), 'the goods cost less than a point' );
}
function test_the_limits(): void {
	same( 300, ( new Rules( '0.1', 2, 0, 300 ) )->most( 500, 10000 ) );
	same( 500, ( new Rules( '0.1', 2, 0, 0, 50 ) )->most( 900, 10000 ) );
	same( 400, ( new Rules( '0.1', 2, 0, 0, 100, 200 ) )->most( 599, 10000 ) );
	same( 0, ( new Rules( '0.1', 2, 100 ) )->most( 99, 10000 ), 'fewer than the minimum' );
	same( 0, ( new Rules( '0.1', 2, 0, 0, 100, 200 ) )->most( 150, 10000 ), 'fewer than one step' );
}
function test_what_the_customer_wants_is_fitted(): void {
	$rules = new Rules( '0.1', 2, 200, 0, 100, 100 );
	same( 300, $rules->fit( 350, 900 ) );
	same( 200, $rules->fit( 350, 200 ) );
	same( 0, $rules->fit( 199, 900 ) );
	same( 0, $rules->fit( -5, 900 ) );
}

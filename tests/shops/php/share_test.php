<?php
use PointSync\Spending\Share;

function goods_line( float $subtotal, float $total, float $quantity = 1, float $tax = 0 ): array {
	return array( 'subtotal' => $subtotal, 'total' => $total, 'tax' => $tax, 'quantity' => $quantity );
}
function back( float $amount, array $lines = array(), float $other = 0.0 ): array {
	$parts = array();
	foreach ( $lines as $id => $line ) {
		$parts[ $id ] = array( 'total' => (float) $line[0], 'tax' => (float) ( $line[1] ?? 0 ), 'quantity' => (float) ( $line[2] ?? 0 ) );
	}
	return array( 'amount' => $amount, 'other' => $other, 'lines' => $parts );
}
function near( float $expected, float $found, string $why = '' ): void {
	same( round( $expected, 9 ), round( $found, 9 ), $why );
}

function test_nothing_was_refunded(): void {
	near( 0.0, Share::refunded( 80, array( 1 => goods_line( 100, 80 ) ), array() ) );
}
function test_in_proportion_to_the_goods_and_cumulatively(): void {
	$lines = array( 1 => goods_line( 100, 80, 2 ) );
	near( 0.25, Share::refunded( 80, $lines, array( back( 20, array( 1 => array( 20 ) ) ) ) ) );
	near( 0.75, Share::refunded( 80, $lines, array( back( 20, array( 1 => array( 20 ) ) ), back( 40, array( 1 => array( 40 ) ) ) ) ) );
	near( 1.0, Share::refunded( 80, $lines, array( back( 80, array( 1 => array( 80 ) ) ) ) ) );
}
function test_shipping_brings_nothing_back(): void {
	near( 0.0, Share::refunded( 85, array( 1 => goods_line( 100, 80 ) ), array( back( 5, array(), 5 ) ) ) );
	near( 0.5, Share::refunded( 85, array( 1 => goods_line( 100, 80 ) ), array( back( 45, array( 1 => array( 40 ) ), 5 ) ) ) );
}
function test_goods_that_points_did_not_pay_for_bring_nothing_back(): void {
	$lines = array( 1 => goods_line( 50, 30 ), 2 => goods_line( 50, 50 ) );
	near( 0.0, Share::refunded( 80, $lines, array( back( 50, array( 2 => array( 50 ) ) ) ) ) );
	near( 1.0, Share::refunded( 80, $lines, array( back( 30, array( 1 => array( 30 ) ) ) ) ) );
}
function test_money_without_lines_counts_in_proportion_to_what_is_left(): void {
	$lines = array( 1 => goods_line( 50, 30 ) );
	near( 0.25, Share::refunded( 30, $lines, array( back( 7.5 ) ) ) );
	near( 1.0, Share::refunded( 30, $lines, array( back( 15, array( 1 => array( 15 ) ) ), back( 15 ) ) ) );
	near( 0.75, Share::refunded( 30, $lines, array( back( 15, array( 1 => array( 15 ) ) ), back( 7.5 ) ) ) );
}
function test_tax_belongs_to_its_line(): void {
	near( 0.5, Share::refunded( 95.2, array( 1 => goods_line( 100, 80, 1, 15.2 ) ), array( back( 47.6, array( 1 => array( 40, 7.6 ) ) ) ) ) );
}
function test_lines_that_points_paid_fully_count_by_pieces(): void {
	$lines = array( 1 => goods_line( 100, 0, 4 ) );
	near( 0.25, Share::refunded( 0, $lines, array( back( 0, array( 1 => array( 0, 0, 1 ) ) ) ) ) );
	near( 1.0, Share::refunded( 0, $lines, array( back( 0, array( 1 => array( 0, 0, 4 ) ) ) ) ) );
}
function test_never_more_than_all(): void {
	near( 1.0, Share::refunded( 30, array( 1 => goods_line( 50, 30 ) ), array( back( 60, array( 1 => array( 60 ) ) ), back( 50 ) ) ) );
}
function test_lines_of_other_orders_are_ignored(): void {
	near( 0.0, Share::refunded( 30, array( 1 => goods_line( 50, 30 ) ), array( back( 5, array( 99 => array( 5 ) ) ) ) ) );
}
function test_points_are_rounded_down_and_all_for_the_whole(): void {
	same( 33, Share::of_points( 100, 1 / 3 ) );
	same( 50, Share::of_points( 200, 0.25 ) );
	same( 100, Share::of_points( 100, 0.9999999 ) );
	same( 0, Share::of_points( 3, 0.3 ) );
	same( 30, Share::of_points( 100, 0.1 + 0.2 ), 'sums of decimals' );
}

<?php
use PointSync\Customers\EarnRule;

function earn_rule( array $rule = array(), string $currency = 'EUR' ): EarnRule {
	return new EarnRule( $rule + array( 'base' => 'goods', 'rates' => array( '' => '1' ), 'minimums' => array() ), $currency, 'EUR' );
}

function test_points_are_rounded_down(): void {
	same( 19, earn_rule()->points( 19.99 ) );
	same( 9, earn_rule( array( 'rates' => array( '' => '0.5' ) ) )->points( 19.99 ) );
	same( 6, earn_rule( array( 'rates' => array( '' => '1/3' ) ) )->points( 18.0 ) );
	same( 30, earn_rule()->points( 0.1 * 300 ), 'sums of decimals' );
	same( 0, earn_rule()->points( -5.0 ) );
}
function test_each_currency_has_its_rate(): void {
	$rates = array( 'rates' => array( '' => '1', 'USD' => '0.9' ) );
	same( 90, earn_rule( $rates, 'USD' )->points( 100.0 ) );
	same( 100, earn_rule( $rates )->points( 100.0 ) );
	same( false, earn_rule( $rates, 'GBP' )->gives_points() );
	same( 100, earn_rule( array( 'rates' => array( '*' => '1' ) ), 'GBP' )->points( 100.0 ) );
}
function test_less_than_the_minimum_gives_nothing(): void {
	same( 0, earn_rule( array( 'minimums' => array( '' => '20' ) ) )->points( 19.99 ) );
	same( 20, earn_rule( array( 'minimums' => array( '' => '20' ) ) )->points( 20.0 ) );
}
function test_excluded_products_categories_and_roles(): void {
	$rule = earn_rule( array( 'excluded_products' => array( 7 ), 'excluded_categories' => array( 3 ), 'excluded_roles' => array( 'wholesale' ), 'excludes_sale_items' => true ) );
	same( true, $rule->counts_product( array( 8 ), array( 4 ), false ) );
	same( false, $rule->counts_product( array( 9, 7 ), array(), false ), 'a variation of it' );
	same( false, $rule->counts_product( array( 8 ), array( 4, 3 ), false ) );
	same( false, $rule->counts_product( array( 8 ), array(), true ) );
	same( false, $rule->counts_roles( array( 'customer', 'wholesale' ) ) );
	same( true, $rule->counts_roles( array( 'customer' ) ) );
}
function test_the_base_says_what_counts(): void {
	same( array( false, false ), array( earn_rule()->counts_tax(), earn_rule()->counts_total() ) );
	same( array( true, false ), array( earn_rule( array( 'base' => 'goods+tax' ) )->counts_tax(), earn_rule( array( 'base' => 'goods+tax' ) )->counts_total() ) );
	same( true, earn_rule( array( 'base' => 'total', 'excluded_products' => array( 7 ) ) )->counts_product( array( 7 ), array(), true ) );
}

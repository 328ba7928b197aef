<?php
use PointSync\Orders\Memory;

const NINE = '2026-11-30T09:00:00.000Z';
const TEN  = '2026-11-30T10:00:00.000Z';

function test_nothing_is_lost_while_the_last_call_is_the_one_that_was_answered(): void {
	same( Memory::NOTHING, Memory::find( NINE, 'a', 0, NINE, 'a' ) );
}
function test_the_first_call_says_nothing(): void {
	same( Memory::NOTHING, Memory::find( '', '', 0, '', 'a' ) );
	same( Memory::NOTHING, Memory::find( '', '', 0, TEN, 'a' ) );
}
function test_pointsync_was_restored_if_it_remembers_less(): void {
	same( Memory::POINTSYNC_LOST, Memory::find( TEN, 'a', 0, NINE, 'b' ) );
	same( Memory::POINTSYNC_LOST, Memory::find( TEN, 'a', 0, '', 'b' ) );
}
function test_a_restore_is_noticed_by_its_lineage_if_the_first_answer_after_it_was_lost(): void {
	same( Memory::POINTSYNC_REPLACED, Memory::find( NINE, 'a', strtotime( TEN ), TEN, 'b' ) );
}
function test_a_lost_answer_is_no_loss(): void {
	same( Memory::NOTHING, Memory::find( NINE, 'a', strtotime( TEN ) - 2, TEN, 'a' ) );
}
function test_the_shop_was_restored_if_pointsync_has_seen_more(): void {
	same( Memory::SHOP_LOST, Memory::find( NINE, 'a', 0, TEN, 'a' ) );
	same( Memory::SHOP_LOST, Memory::find( NINE, 'a', strtotime( NINE ), TEN, 'a' ), 'restored in the middle of a call' );
}

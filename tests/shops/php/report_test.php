<?php

use PointSync\Privacy\Report;

function test_each_row_is_an_item_with_names(): void {
	$sites = array(
		array(
			'name'  => 'Tea shop',
			'parts' => array(
				'balances'    => array( array( 'reserve' => 'default', 'points' => 50, 'held' => 0 ) ),
				'side_things' => array( array( 'is_shown' => true, 'note' => null, 'sites' => array() ), array( 'sites' => array( 1 ) ) ),
			),
		),
		'nonsense',
	);
	$items = Report::items( $sites );
	same( array( 'pointsync-balances-0', 'pointsync-side_things-0', 'pointsync-side_things-1' ), array_column( $items, 'item_id' ) );
	same( array( 'Points: balances', 'Points: side things', 'Points: side things' ), array_column( $items, 'group_label' ) );
	same( array( 'Stored by' => 'Tea shop', 'Points reserve' => 'default', 'Points' => '50', 'Set aside' => '0' ), array_column( $items[0]['data'], 'value', 'name' ) );
	same( array( 'Stored by' => 'Tea shop', 'Is shown' => 'yes' ), array_column( $items[1]['data'], 'value', 'name' ) );
	same( '[1]', $items[2]['data'][1]['value'] );
}

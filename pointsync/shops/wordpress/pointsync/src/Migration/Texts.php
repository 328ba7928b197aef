<?php

namespace PointSync\Migration;

/**
 * The words of a migration: states, reasons, what is wrong with a file.
 */
final class Texts {

	public static function source( string $source ): string {
		$texts = array(
			Run::MYREWARDS          => 'MyRewards',
			Run::POINTS_AND_REWARDS => 'WooCommerce Points and Rewards',
			Run::CSV                => __( 'a CSV file', 'pointsync' ),
		);
		return isset( $texts[ $source ] ) ? $texts[ $source ] : $source;
	}

	public static function phase( string $phase ): string {
		$texts = array(
			Run::READING   => __( 'The balances are being read.', 'pointsync' ),
			Run::COMPARING => __( 'The balances are being compared with PointSync.', 'pointsync' ),
			Run::READY     => __( 'The dry run is done. Nothing was recorded yet.', 'pointsync' ),
			Run::RECORDING => __( 'The balances are being recorded.', 'pointsync' ),
			Run::DONE      => __( 'Done.', 'pointsync' ),
		);
		return isset( $texts[ $phase ] ) ? $texts[ $phase ] : $phase;
	}

	public static function state( string $state ): string {
		$texts = array(
			Line::NEW       => __( 'Still to be compared or recorded', 'pointsync' ),
			Lines::READY    => __( 'Will be recorded', 'pointsync' ),
			Lines::RECORDED => __( 'Recorded', 'pointsync' ),
			Lines::KNOWN    => __( 'Recorded before', 'pointsync' ),
			Lines::REFUSED  => __( 'Refused by PointSync', 'pointsync' ),
			Line::DOUBTFUL  => __( 'Doubtful, left out', 'pointsync' ),
			Line::EMPTY     => __( '0 points, left out', 'pointsync' ),
		);
		return isset( $texts[ $state ] ) ? $texts[ $state ] : $state;
	}

	public static function reason( string $reason ): string {
		$texts = array(
			Line::NO_ADDRESS => __( 'There is no valid e-mail address.', 'pointsync' ),
			Line::NO_NUMBER  => __( 'The points are not a whole number.', 'pointsync' ),
			Line::AMBIGUOUS  => __( 'The points could be thousands or a fraction. Write them without separators.', 'pointsync' ),
			Line::BELOW_ZERO => __( 'The balance is below zero. If it is right, adjust the customer’s points in PointSync.', 'pointsync' ),
			Line::TOO_MANY   => __( 'The points are more than 2,000,000,000.', 'pointsync' ),
			Line::TWICE      => __( 'The address is there more than once. Decide what it means, and leave one line.', 'pointsync' ),
			'ref_conflict'   => __( 'Another balance of this customer from this program was recorded before.', 'pointsync' ),
		);
		return isset( $texts[ $reason ] ) ? $texts[ $reason ] : $reason;
	}

	/** What is wrong with a file. */
	public static function file( string $problem ): string {
		$texts = array(
			'empty'      => __( 'The file is empty.', 'pointsync' ),
			'not_utf8'   => __( 'The file is not text in UTF-8. Save it as “CSV UTF-8”.', 'pointsync' ),
			'no_columns' => __( 'The file has no columns for addresses and points. Name them email and points in its first line.', 'pointsync' ),
			'no_file'    => __( 'Choose a file.', 'pointsync' ),
		);
		return isset( $texts[ $problem ] ) ? $texts[ $problem ] : $problem;
	}
}

<?php

namespace PointSync\MyRewards;

/**
 * A change of points as MyRewards has written it, and the movement that it is. Pure.
 */
final class Row {

	const EARN   = 'earn';
	const SPEND  = 'spend';
	const MANUAL = 'manual';

	/** MyRewards' origin of the rows that this plugin writes: they are never sent back. */
	const OWN_ORIGIN = 'pointsync';

	/** MyRewards' column holds no more than this: a larger change is cut off, and only the balance afterwards is right. */
	const LOWEST  = -32768;
	const HIGHEST = 32767;

	/** @var int */
	public $id;
	/** @var int */
	public $user_id;
	/** @var int|null null if the row does not tell: see `LOWEST` */
	public $moved;
	/** @var bool whether the balance was set to a number */
	public $is_set;
	/** @var int the balance afterwards */
	public $total;
	/** @var string in UTC, `Y-m-d H:i:s` */
	public $at;
	/** @var string what has caused it, such as the id of an event */
	public $origin;
	/** @var string as MyRewards stores it */
	public $comment;

	/** @param object $row of MyRewards' table */
	public function __construct( $row ) {
		$this->id      = (int) $row->id;
		$this->user_id = (int) $row->user_id;
		$this->moved   = self::moved( $row->points_moved );
		$this->is_set  = null === $row->points_moved;
		$this->total   = (int) $row->new_total;
		$this->at      = (string) $row->mvt_date;
		$this->origin  = (string) $row->origin;
		$this->comment = (string) $row->commentar;
	}

	/**
	 * What a row says that it has moved; null if it does not tell.
	 *
	 * @param string|int|null $points_moved of MyRewards' table
	 */
	public static function moved( $points_moved ): ?int {
		if ( null === $points_moved || (int) $points_moved <= self::LOWEST || (int) $points_moved >= self::HIGHEST ) {
			return null;
		}
		return (int) $points_moved;
	}

	/** The points of the change. `$before` is the balance after the row before, for a row that does not tell. */
	public function points( int $before ): int {
		return null === $this->moved ? $this->total - $before : $this->moved;
	}

	public function kind( int $points ): string {
		if ( $this->is_set ) {
			return self::MANUAL;
		}
		return $points > 0 ? self::EARN : self::SPEND;
	}

	/**
	 * The movement's reference. It has more than the row's id: after a restore of the shop's database, another row gets
	 * the same id.
	 *
	 * @param string $shop_id the shop's, since the feed tells the movements of all shops of a PointSync
	 */
	public function reference( string $shop_id ): string {
		$content = implode( '|', array( $this->user_id, $this->is_set ? 'set' : $this->moved, $this->total, $this->at ) );
		return self::prefix( $shop_id ) . $this->id . ':' . substr( hash( 'sha256', $content ), 0, 12 );
	}

	/** How the references of this shop's rows begin. */
	public static function prefix( string $shop_id ): string {
		return 'myrewards:' . substr( $shop_id, 0, 12 ) . ':';
	}

	/**
	 * The movement for PointSync. It has happened already, so PointSync does not refuse it.
	 *
	 * @return array<string, mixed>
	 */
	public function movement( string $shop_id, string $customer, string $reserve, int $points, string $reason ): array {
		return array(
			'customer' => $customer,
			'reserve'  => $reserve,
			'points'   => $points,
			'kind'     => $this->kind( $points ),
			'reason'   => function_exists( 'mb_substr' ) ? mb_substr( $reason, 0, 500 ) : substr( $reason, 0, 500 ),
			'ref'      => $this->reference( $shop_id ),
			'at'       => str_replace( ' ', 'T', $this->at ) . 'Z',
			'done'     => true,
		);
	}
}

<?php

namespace PointSync\Spending;

use PointSync\Storage\Tables;

/**
 * What is known of the points that one order uses: a row of the table `spending`.
 *
 * An order is known by its id and its key, since a restored database uses ids again.
 */
final class Account {

	/** @var int */
	public $id = 0;
	/** @var int */
	public $order_id;
	/** @var string */
	public $order_key;
	/** @var string whose points they are; empty if the person was erased */
	public $email;
	/** @var string the key of the points reserve */
	public $reserve;
	/** @var int the points that the order uses */
	public $points;
	/** @var int how many holds there were; the number of the present one */
	public $hold_number = 0;
	/** @var int */
	public $hold_points = 0;
	/** @var string one of `Step::NONE`, `Step::HELD`, `Step::ASKED` */
	public $hold_state = Step::NONE;
	/** @var string|null when the hold ends by itself, in UTC */
	public $hold_until = null;
	/** @var int all points that were taken */
	public $taken = 0;
	/** @var int all points that were given back */
	public $returned = 0;
	/** @var int how often points were given back */
	public $refund_number = 0;
	/** @var int points that the staff has returned by hand */
	public $handed_back = 0;
	/** @var array<string, mixed>|null the step whose answer is not known yet */
	public $step = null;
	/** @var array<int, array<string, mixed>> what was recorded: `ref`, `points`, `kind`, `reason`, `at` */
	public $movements = array();
	/** @var string why the points are not where they should be, as a code; empty if they are, or will be */
	public $problem = '';
	/** @var string the same as a sentence */
	public $message = '';
	/** @var int failed attempts since the last success */
	public $attempts = 0;

	const COLUMNS = array(
		'order_id'      => '%d',
		'order_key'     => '%s',
		'email'         => '%s',
		'reserve'       => '%s',
		'points'        => '%d',
		'hold_number'   => '%d',
		'hold_points'   => '%d',
		'hold_state'    => '%s',
		'taken'         => '%d',
		'returned'      => '%d',
		'refund_number' => '%d',
		'handed_back'   => '%d',
		'problem'       => '%s',
		'message'       => '%s',
		'attempts'      => '%d',
	);

	public function __construct( int $order_id, string $order_key, string $email, string $reserve, int $points ) {
		$this->order_id  = $order_id;
		$this->order_key = substr( $order_key, 0, 60 );
		$this->email     = $email;
		$this->reserve   = $reserve;
		$this->points    = $points;
	}

	/** The row of an order, or null. */
	public static function of_order( \WC_Order $order ): ?self {
		return self::of_key( $order->get_id(), $order->get_order_key() );
	}

	/** The row of the order with this id and key, or null. */
	public static function of_key( int $order_id, string $order_key ): ?self {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$key   = substr( $order_key, 0, 60 );
		$row   = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE order_id = %d AND order_key = %s", $order_id, $key ), ARRAY_A );
		return $row ? self::from_row( $row ) : null;
	}

	/** The row as it is in the database now, or null. */
	public static function read( int $id ): ?self {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$row   = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE id = %d", $id ), ARRAY_A );
		return $row ? self::from_row( $row ) : null;
	}

	/**
	 * Rows by the ids of their orders, for a list of orders.
	 *
	 * @param int[] $order_ids
	 * @return array<int, self>
	 */
	public static function of_orders( array $order_ids ): array {
		global $wpdb;
		if ( ! $order_ids ) {
			return array();
		}
		$table = Tables::name( 'spending' );
		$ids   = implode( ',', array_map( 'intval', $order_ids ) );
		$found = array();
		foreach ( (array) $wpdb->get_results( "SELECT * FROM {$table} WHERE order_id IN ({$ids}) ORDER BY id", ARRAY_A ) as $row ) {
			$found[ (int) $row['order_id'] ] = self::from_row( $row );
		}
		return $found;
	}

	/** The points that open orders of this customer hold, without the order `$except`. */
	public static function held_by( string $email, int $except = 0 ): int {
		global $wpdb;
		$table = Tables::name( 'spending' );
		return (int) $wpdb->get_var(
			$wpdb->prepare(
				"SELECT SUM(hold_points) FROM {$table} WHERE email = %s AND hold_state <> '' AND hold_until > %s AND order_id <> %d",
				$email,
				gmdate( 'Y-m-d H:i:s' ),
				$except
			)
		);
	}

	/** Write all values; a new row if there is none yet. */
	public function save(): void {
		global $wpdb;
		$table          = Tables::name( 'spending' );
		$now            = gmdate( 'Y-m-d H:i:s' );
		$values         = array_intersect_key( get_object_vars( $this ), self::COLUMNS );
		$values['message'] = function_exists( 'mb_substr' ) ? mb_substr( $this->message, 0, 500 ) : substr( $this->message, 0, 500 );
		$values        += array(
			'step'       => null === $this->step ? null : (string) wp_json_encode( $this->step ),
			'movements'  => (string) wp_json_encode( $this->movements ),
			'hold_until' => $this->hold_until,
			'changed_at' => $now,
		);
		if ( $this->id ) {
			$wpdb->update( $table, $values, array( 'id' => $this->id ) );
			return;
		}
		$values['created_at'] = $now;
		$is_shown             = $wpdb->suppress_errors();
		$is_new               = $wpdb->insert( $table, $values );
		$wpdb->suppress_errors( $is_shown );
		if ( $is_new ) {
			$this->id = (int) $wpdb->insert_id;
			return;
		}
		// Another request has written the row a moment ago.
		$table_row = $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$table} WHERE order_id = %d AND order_key = %s", $this->order_id, $this->order_key ) );
		$this->id  = (int) $table_row;
	}

	/** Let the row be looked at: now, or after some seconds. */
	public static function set_due( int $id, int $seconds = 0 ): void {
		global $wpdb;
		$table = Tables::name( 'spending' );
		$wpdb->query( $wpdb->prepare( "UPDATE {$table} SET due_at = %s WHERE id = %d", gmdate( 'Y-m-d H:i:s', time() + $seconds ), $id ) );
	}

	/** @param array<string, mixed> $row */
	private static function from_row( array $row ): self {
		$account     = new self( (int) $row['order_id'], $row['order_key'], $row['email'], $row['reserve'], (int) $row['points'] );
		$account->id = (int) $row['id'];
		foreach ( self::COLUMNS as $name => $format ) {
			$account->$name = '%d' === $format ? (int) $row[ $name ] : (string) $row[ $name ];
		}
		$step               = json_decode( (string) $row['step'], true );
		$movements          = json_decode( (string) $row['movements'], true );
		$account->hold_until = $row['hold_until'];
		$account->step      = is_array( $step ) ? $step : null;
		$account->movements = is_array( $movements ) ? $movements : array();
		return $account;
	}
}

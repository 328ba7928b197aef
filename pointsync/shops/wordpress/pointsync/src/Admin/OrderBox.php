<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Customers\Texts;
use PointSync\Orders\Outbox;
use PointSync\Schedule;
use PointSync\Spending\Account;
use PointSync\Spending\Notes;
use PointSync\Spending\OrderFacts;
use PointSync\Spending\Outcome;
use PointSync\Spending\Settle;
use PointSync\Spending\Step;

/**
 * The box *Points* on an order: what it has given, what points have paid, what went back, and why.
 */
final class OrderBox {

	const ACTION = 'pointsync_order';

	public function register(): void {
		add_action( 'add_meta_boxes', array( self::class, 'add' ) );
		add_action( 'admin_post_' . self::ACTION, array( self::class, 'handle' ) );
	}

	public static function add(): void {
		if ( ! Shop::is_connected() ) {
			return;
		}
		$screen = function_exists( 'wc_get_page_screen_id' ) ? wc_get_page_screen_id( 'shop-order' ) : 'shop_order';
		add_meta_box( 'pointsync-order', Texts::title(), array( self::class, 'show' ), $screen, 'side', 'default' );
	}

	/** @param \WP_Post|\WC_Order $post */
	public static function show( $post ): void {
		$order = $post instanceof \WC_Order ? $post : wc_get_order( $post->ID );
		if ( ! $order instanceof \WC_Order ) {
			return;
		}
		$account = Account::of_order( $order );
		echo '<ul class="pointsync-order">';
		foreach ( array_merge( array( self::given( $order ) ), $account ? self::spent( $account ) : array() ) as $line ) {
			echo '<li>' . esc_html( $line ) . '</li>';
		}
		echo '</ul>';
		if ( $account ) {
			self::show_buttons( $order, $account );
		}
	}

	/** What the order has given, and why: as PointSync has answered last. */
	private static function given( \WC_Order $order ): string {
		foreach ( Outbox::of_order( $order->get_id() ) as $row ) {
			if ( Outbox::ORDER !== $row->kind ) {
				continue;
			}
			if ( Outbox::WAITING === $row->state ) {
				return __( 'Given: being sent to PointSync.', 'pointsync' );
			}
			$answer = json_decode( (string) $row->answer, true );
			if ( is_array( $answer ) && isset( $answer['points'] ) ) {
				/* translators: %s: such as "20 points" */
				$text = sprintf( __( 'Given: %s.', 'pointsync' ), Texts::points( (int) $answer['points'] ) );
				return empty( $answer['reason'] ) ? $text : $text . ' ' . $answer['reason'];
			}
			return (string) $row->answer;
		}
		return __( 'Given: nothing yet.', 'pointsync' );
	}

	/** @return string[] */
	private static function spent( Account $account ): array {
		$lines = array();
		$whose = '' === $account->email ? __( 'a customer who was erased', 'pointsync' ) : $account->email;
		if ( Step::NONE !== $account->hold_state ) {
			/* translators: 1: such as "20 points", 2: an e-mail address */
			$lines[] = sprintf( __( 'Held: %1$s of %2$s, until the order is paid.', 'pointsync' ), Texts::points( $account->hold_points ), $whose );
		}
		/* translators: 1: such as "20 points", 2: an e-mail address */
		$lines[] = sprintf( __( 'Spent: %1$s of %2$s.', 'pointsync' ), Texts::points( $account->taken ), $whose );
		if ( $account->returned ) {
			/* translators: %s: such as "20 points" */
			$lines[] = sprintf( __( 'Returned: %s.', 'pointsync' ), Texts::points( $account->returned ) );
		}
		foreach ( array_slice( $account->movements, -10 ) as $each ) {
			$lines[] = Texts::change( (int) $each['points'] ) . ' · ' . $each['reason'] . ' · ' . Texts::day( gmdate( 'Y-m-d H:i:s', (int) strtotime( (string) $each['at'] ) ) );
		}
		if ( in_array( $account->problem, array( Outcome::INSUFFICIENT, Outcome::REFUSED, Outcome::CONFLICT ), true ) ) {
			$lines[] = Notes::explain( $account );
		} elseif ( $account->attempts ) {
			/* translators: %s: a sentence */
			$lines[] = sprintf( __( 'PointSync could not be asked; it is tried again. %s', 'pointsync' ), $account->message );
		}
		return $lines;
	}

	/** Links, since a form cannot be in the form of the order. */
	private static function show_buttons( \WC_Order $order, Account $account ): void {
		$left = $account->taken - $account->returned;
		echo '<p class="pointsync-buttons">';
		if ( Outcome::INSUFFICIENT === $account->problem ) {
			self::button( $order, 'take', __( 'Take the points all the same', 'pointsync' ), __( 'The customer’s balance goes below zero. Take the points?', 'pointsync' ) );
			self::button( $order, 'leave', __( 'Do without them', 'pointsync' ), '' );
		}
		if ( $left > 0 ) {
			/* translators: %s: such as "20 points" */
			self::button( $order, 'return', sprintf( __( 'Return %s', 'pointsync' ), Texts::points( $left ) ), __( 'Give all points of this order back to the customer?', 'pointsync' ) );
		}
		echo '</p>';
	}

	private static function button( \WC_Order $order, string $what, string $text, string $question ): void {
		$url = wp_nonce_url( admin_url( 'admin-post.php?action=' . self::ACTION . '&do=' . $what . '&order=' . $order->get_id() ), self::ACTION . $order->get_id() );
		printf(
			'<a class="button" href="%s"%s>%s</a> ',
			esc_url( $url ),
			'' === $question ? '' : ' onclick="return confirm(this.dataset.question)" data-question="' . esc_attr( $question ) . '"',
			esc_html( $text )
		);
	}

	/** The staff has pressed one of the buttons. */
	public static function handle(): void {
		$order_id = isset( $_GET['order'] ) ? absint( $_GET['order'] ) : 0;
		check_admin_referer( self::ACTION . $order_id );
		if ( ! current_user_can( 'edit_shop_order', $order_id ) && ! current_user_can( Page::CAPABILITY ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'pointsync' ), 403 );
		}
		$order   = wc_get_order( $order_id );
		$account = $order instanceof \WC_Order ? Account::of_order( $order ) : null;
		if ( $order instanceof \WC_Order && $account && Settle::lease( $account->id ) ) {
			self::change( $order, Account::read( $account->id ), isset( $_GET['do'] ) ? sanitize_key( wp_unslash( $_GET['do'] ) ) : '' );
			Settle::end_lease( $account->id );
			Account::set_due( $account->id );
			Settle::run( $account->id );
			Schedule::soon();
		}
		wp_safe_redirect( $order instanceof \WC_Order ? $order->get_edit_order_url() : admin_url() );
		exit;
	}

	private static function change( \WC_Order $order, ?Account $account, string $what ): void {
		if ( ! $account ) {
			return;
		}
		$net    = $account->taken - $account->returned;
		$target = OrderFacts::target( $order, $account )->points;
		if ( 'return' === $what && $net > 0 ) {
			$account->handed_back += min( $net, $target );
		} elseif ( 'take' === $what && Outcome::INSUFFICIENT === $account->problem && $target > $net ) {
			$account->step = Step::take( $account, $target - $net );
		} elseif ( 'leave' === $what && Outcome::INSUFFICIENT === $account->problem && $target > $net ) {
			$account->handed_back += $target - $net;
		}
		$account->problem = '';
		$account->save();
	}
}

<?php

namespace PointSync;

/**
 * Puts the plugin together. Each subject has a `register()` that adds its hooks; nothing else adds any.
 */
final class Plugin {

	/** Called once, when WordPress loads the plugin. */
	public static function start(): void {
		add_action( 'before_woocommerce_init', array( self::class, 'declare_compatible' ) );
		add_action( 'plugins_loaded', array( self::class, 'register' ) );
	}

	/** Add the hooks of all subjects. Without WooCommerce, only a notice says what is missing. */
	public static function register(): void {
		if ( ! class_exists( 'WooCommerce' ) ) {
			add_action( 'admin_notices', array( self::class, 'ask_for_woocommerce' ) );
			return;
		}
		$is_office = is_admin() || wp_doing_cron() || ( defined( 'WP_CLI' ) && WP_CLI );
		foreach ( array_merge( self::subjects(), $is_office ? self::office_subjects() : array() ) as $subject ) {
			$subject->register();
		}
	}

	/**
	 * All subjects, one a line.
	 *
	 * @return object[] each with a method `register()`
	 */
	private static function subjects(): array {
		return array(
			new Lifecycle(),
			new Schedule(),
			new Connection\StagingGuard(),
			new Connection\StateReport(),
			new Orders\Recorder(),
			new Orders\Sender(),
			new Orders\Sweep(),
			new Feed\Reader(),
			new Feed\Webhook(),
			new Feed\Refresh(),
			new Customers\VerifiedAddress(),
			new Customers\Links(),
			new Customers\Rename(),
			new Customers\Refresh(),
			new Customers\AccountPage(),
			new Customers\Hints(),
			new Customers\BalanceBlock(),
			new Cart\Coupon(),
			new Cart\CartPoints(),
			new Cart\CartForm(),
			new Cart\StoreApi(),
			new Spending\Checkout(),
			new Spending\OrderStates(),
			new Spending\Settle(),
			new Spending\Forgotten(),
			new Privacy\ErasedPeople(),
			new MyRewards\Bridge(),
			new MyRewards\Orders(),
			new Migration\Run(),
		);
	}

	/**
	 * Those that only wp-admin needs, so that the shop's pages do not load them.
	 *
	 * @return object[]
	 */
	private static function office_subjects(): array {
		return array(
			new Admin\Page(),
			new Admin\Actions(),
			new Admin\Notices(),
			new Admin\SpendingSection(),
			new Admin\OrderBox(),
			new Admin\OrderColumn(),
			new Admin\ProfileBox(),
			new Admin\SiteHealth(),
			new Privacy\Exporter(),
			new Privacy\Eraser(),
			new Privacy\PolicyText(),
			new MyRewards\Section(),
			new Migration\Section(),
			new Migration\Actions(),
		);
	}

	/** Orders in their own tables (HPOS), and the blocks of cart and checkout, are supported. */
	public static function declare_compatible(): void {
		$features = 'Automattic\\WooCommerce\\Utilities\\FeaturesUtil';
		if ( class_exists( $features ) ) {
			$features::declare_compatibility( 'custom_order_tables', POINTSYNC_FILE, true );
			$features::declare_compatibility( 'cart_checkout_blocks', POINTSYNC_FILE, true );
		}
	}

	/** A notice for admins of a WordPress without WooCommerce. */
	public static function ask_for_woocommerce(): void {
		if ( current_user_can( 'activate_plugins' ) ) {
			echo '<div class="notice notice-error"><p>';
			esc_html_e( 'PointSync needs WooCommerce. Install and activate WooCommerce.', 'pointsync' );
			echo '</p></div>';
		}
	}
}

<?php
/**
 * Plugin Name:          PointSync for WooCommerce
 * Description:          Customers have one balance of points in all shops of a family, and can spend it in each of them.
 * Version:              1.0.0
 * Requires at least:    6.4
 * Requires PHP:         7.4
 * Requires Plugins:     woocommerce
 * WC requires at least: 8.0
 * License:              MIT
 * License URI:          https://opensource.org/license/mit
 * Update URI:           false
 * Text Domain:          pointsync
 * Domain Path:          /languages
 *
 * @package PointSync
 */

defined( 'ABSPATH' ) || exit;

define( 'POINTSYNC_VERSION', '1.0.0' );
define( 'POINTSYNC_FILE', __FILE__ );

require_once __DIR__ . '/src/autoload.php';

register_activation_hook( __FILE__, array( 'PointSync\\Lifecycle', 'activate' ) );
register_deactivation_hook( __FILE__, array( 'PointSync\\Lifecycle', 'deactivate' ) );

PointSync\Plugin::start();

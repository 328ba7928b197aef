<?php
/**
 * Removes what the plugin has stored in this shop, if an admin has chosen that. Otherwise everything stays, so that
 * the plugin can be installed again.
 *
 * @package PointSync
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

define( 'POINTSYNC_FILE', __DIR__ . '/pointsync.php' );
require_once __DIR__ . '/src/autoload.php';

$pointsync_remove = static function (): void {
	PointSync\Schedule::clear();
	if ( 'drop' !== PointSync\Storage\Options::get_string( PointSync\Storage\Options::UNINSTALL ) ) {
		return;
	}
	PointSync\MyRewards\Switching::off();
	PointSync\Storage\Tables::drop();
	PointSync\Customers\UserValues::remove_all();
	foreach ( PointSync\Storage\Options::ALL as $name ) {
		PointSync\Storage\Options::remove( $name );
	}
};

if ( is_multisite() ) {
	PointSync\Lifecycle::in_each_site( $pointsync_remove );
} else {
	$pointsync_remove();
}

<?php
// Runs the functions `test_…` of a file in WordPress. Prints a line of JSON for each: name, and why it failed.
// run.php FILE ARGUMENT …

error_reporting( E_ALL );
set_error_handler(
	static function ( int $level, string $message, string $file, int $line ): bool {
		if ( ! ( error_reporting() & $level ) || false === strpos( $file, '/pointsync/' ) ) {
			return true; // suppressed with @, or WordPress's own
		}
		throw new ErrorException( $message, 0, $level, $file, $line );
	}
);
$_SERVER['HTTP_HOST'] = 'mugs.example';
define( 'WP_DEBUG', true );
define( 'DISABLE_WP_CRON', true );
require '/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';

function same( $expected, $found, string $what = '' ): void {
	if ( $expected !== $found ) {
		throw new Exception( trim( "$what: expected " . var_export( $expected, true ) . ', found ' . var_export( $found, true ), ': ' ) );
	}
}

$file      = $argv[1];
$arguments = array_slice( $argv, 2 );
require $file;
$functions = array_filter( get_defined_functions()['user'], static fn( string $name ): bool => strncmp( $name, 'test_', 5 ) === 0 );
foreach ( $functions as $name ) {
	$why = '';
	ob_start();
	try {
		$name( ...$arguments );
	} catch ( Throwable $error ) {
		$why = $error->getMessage() . ' (' . basename( $error->getFile() ) . ':' . $error->getLine() . ')';
	}
	ob_end_clean();
	echo json_encode( array( 'name' => $name, 'why' => $why ) ), "\n";
}

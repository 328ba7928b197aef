<?php
// Runs the functions `test_…` of a file, or lists them. Prints a line of JSON for each: name, and why it failed.
// php run.php FILE

require __DIR__ . '/wordpress.php';
require __DIR__ . '/../../../pointsync/shops/wordpress/pointsync/src/autoload.php';

function same( $expected, $found, string $what = '' ): void {
	if ( $expected !== $found ) {
		throw new Exception( trim( "$what: expected " . var_export( $expected, true ) . ', found ' . var_export( $found, true ), ': ' ) );
	}
}

error_reporting( E_ALL );
set_error_handler(
	static function ( int $level, string $message, string $file, int $line ): bool {
		throw new ErrorException( $message, 0, $level, $file, $line );
	}
);
require $argv[1];
$functions = array_filter( get_defined_functions()['user'], static fn( string $name ): bool => strncmp( $name, 'test_', 5 ) === 0 );
foreach ( $functions as $name ) {
	$why = '';
	try {
		$name();
	} catch ( Throwable $error ) {
		$why = $error->getMessage() . ' (' . basename( $error->getFile() ) . ':' . $error->getLine() . ')';
	}
	echo json_encode( array( 'name' => $name, 'why' => $why ) ), "\n";
}

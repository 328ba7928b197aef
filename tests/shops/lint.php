<?php
// Prints, as JSON, the syntax errors of PHP files by their paths: php lint.php FILE …

$found = array();
foreach ( array_slice( $argv, 1 ) as $path ) {
	try {
		token_get_all( file_get_contents( $path ), TOKEN_PARSE );
	} catch ( ParseError $error ) {
		$found[ $path ] = $error->getMessage() . ' in line ' . $error->getLine();
	}
}
echo json_encode( (object) $found );

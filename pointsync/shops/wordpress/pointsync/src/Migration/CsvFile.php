<?php

namespace PointSync\Migration;

/**
 * A list of balances as CSV: a column with addresses, one with points, and perhaps one with points reserves. Pure.
 */
final class CsvFile {

	const MAX_LINES  = 500000;
	const DELIMITERS = array( ',', ';', "\t" );

	const ADDRESS_NAMES = array( 'email', 'e-mail', 'user_email', 'customer_email', 'email_address', 'mail', 'customer', 'e-mail-adresse' );
	const POINTS_NAMES  = array( 'points', 'points_balance', 'balance', 'total_points', 'points_total', 'punkte' );
	const RESERVE_NAMES = array( 'reserve', 'points_reserve' );

	/** @var string why the file cannot be read, one of `empty`, `no_columns`, `not_utf8`; empty if it can */
	public $problem = '';

	/** @var resource */
	private $stream;
	/** @var string */
	private $delimiter = ',';
	/** @var array{address: int, points: int, reserve: int} the columns; -1 for none */
	private $columns = array(
		'address' => -1,
		'points'  => -1,
		'reserve' => -1,
	);
	/** @var string */
	private $default_reserve;
	/** @var int the line that comes next; the first is 1 */
	private $number = 1;

	/** @param resource $stream at its beginning */
	public function __construct( $stream, string $default_reserve ) {
		$this->stream          = $stream;
		$this->default_reserve = $default_reserve;
		$this->problem         = $this->read_head();
	}

	/**
	 * The next lines, at most `$limit`; none at the end.
	 *
	 * @return Line[]
	 */
	public function next( int $limit ): array {
		$lines = array();
		while ( count( $lines ) < $limit && $this->number <= self::MAX_LINES ) {
			$number = $this->number;
			$cells  = $this->read_row();
			if ( null === $cells ) {
				break;
			}
			if ( array( '' ) === $cells ) {
				continue;
			}
			$reserve = $this->columns['reserve'] >= 0 ? $this->cell( $cells, 'reserve' ) : '';
			$lines[] = new Line( (string) $number, $this->cell( $cells, 'address' ), $this->cell( $cells, 'points' ), '' !== $reserve ? $reserve : $this->default_reserve );
		}
		return $lines;
	}

	/** Find the columns: by their names in the first line, or if that is a person's, by what is in it. */
	private function read_head(): string {
		$first = fgets( $this->stream );
		if ( false === $first ) {
			return 'empty';
		}
		$text = preg_replace( '/^\xEF\xBB\xBF/', '', $first );
		if ( 1 !== preg_match( '//u', (string) $text ) || strpos( $first, "\0" ) !== false ) {
			return 'not_utf8';
		}
		if ( 1 === preg_match( '/^sep=(.)\s*$/', (string) $text, $part ) ) {
			$this->delimiter = $part[1];
			++$this->number;
			$text = (string) fgets( $this->stream );
		} else {
			$counts          = array_map( static fn( string $each ): int => substr_count( (string) $text, $each ), self::DELIMITERS );
			$this->delimiter = self::DELIMITERS[ (int) array_search( max( $counts ), $counts, true ) ];
		}
		$cells = array_map( 'trim', str_getcsv( trim( (string) $text ), $this->delimiter, '"', '' ) );
		if ( $this->find_named( $cells ) ) {
			++$this->number;
			return '';
		}
		if ( ! $this->find_by_content( $cells ) ) {
			return 'no_columns';
		}
		rewind( $this->stream );
		for ( $skipped = 1; $skipped < $this->number; $skipped++ ) {
			fgets( $this->stream );
		}
		return '';
	}

	/** @param string[] $cells */
	private function find_named( array $cells ): bool {
		$names = array_map( static fn( string $cell ): string => str_replace( ' ', '_', strtolower( $cell ) ), $cells );
		foreach ( array( 'address' => self::ADDRESS_NAMES, 'points' => self::POINTS_NAMES, 'reserve' => self::RESERVE_NAMES ) as $column => $known ) {
			foreach ( $known as $name ) {
				$index = array_search( $name, $names, true );
				if ( false !== $index && $this->columns[ $column ] < 0 ) {
					$this->columns[ $column ] = (int) $index;
				}
			}
		}
		return $this->columns['address'] >= 0 && $this->columns['points'] >= 0;
	}

	/** @param string[] $cells of a person */
	private function find_by_content( array $cells ): bool {
		$this->columns = array_fill_keys( array_keys( $this->columns ), -1 );
		foreach ( $cells as $index => $cell ) {
			if ( strpos( $cell, '@' ) !== false && $this->columns['address'] < 0 ) {
				$this->columns['address'] = $index;
			} elseif ( 1 === preg_match( '/^[+-]?\d/', $cell ) && $this->columns['points'] < 0 ) {
				$this->columns['points'] = $index;
			} elseif ( $this->columns['points'] >= 0 && '' !== $cell && $this->columns['reserve'] < 0 ) {
				$this->columns['reserve'] = $index;
			}
		}
		return $this->columns['address'] >= 0 && $this->columns['points'] >= 0;
	}

	/** @return string[]|null null at the end */
	private function read_row(): ?array {
		$cells = fgetcsv( $this->stream, 0, $this->delimiter, '"', '' );
		++$this->number;
		return is_array( $cells ) ? array_map( static fn( $cell ): string => trim( (string) $cell ), $cells ) : null;
	}

	/** @param string[] $cells Spreadsheets get an apostrophe in front of what they would take for a formula. */
	private function cell( array $cells, string $column ): string {
		$cell = isset( $cells[ $this->columns[ $column ] ] ) ? $cells[ $this->columns[ $column ] ] : '';
		return 1 === preg_match( "/^'[=+\-@]/", $cell ) ? substr( $cell, 1 ) : $cell;
	}
}

<?php

namespace PointSync\Migration;

use PointSync\Admin\Actions as PageActions;
use PointSync\Admin\Flash;
use PointSync\Admin\Page;
use PointSync\Connection\Shop;
use PointSync\Storage\Values;

/**
 * What the buttons of a migration do. Each checks the nonce and the capability, and leads back to the page.
 */
final class Actions {

	const BEGIN    = 'migration_begin';
	const RECORD   = 'migration_record';
	const STOP     = 'migration_stop';
	const RESUME   = 'migration_resume';
	const FORGET   = 'migration_forget';
	const DOWNLOAD = 'migration_download';

	const ALL = array( self::BEGIN, self::RECORD, self::STOP, self::RESUME, self::FORGET, self::DOWNLOAD );

	/** What was typed and refused, for the next view of the form. */
	const TYPED = 'migration.typed';
	/** A part of the work is done while the admin waits, so that a small shop is ready at once. */
	const NOW_SECONDS = 3.0;

	public function register(): void {
		foreach ( self::ALL as $action ) {
			add_action( 'admin_post_' . PageActions::PREFIX . $action, array( self::class, 'run' ) );
		}
	}

	public static function run(): void {
		$name = substr( (string) current_action(), strlen( 'admin_post_' . PageActions::PREFIX ) );
		if ( ! in_array( $name, self::ALL, true ) || ! current_user_can( Page::CAPABILITY ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'pointsync' ), 403 );
		}
		check_admin_referer( PageActions::PREFIX . $name );
		if ( self::DOWNLOAD === $name ) {
			self::download();
		} elseif ( self::BEGIN === $name ) {
			self::begin();
		} elseif ( self::RECORD === $name ) {
			Run::record();
			Run::go_on( self::NOW_SECONDS );
		} elseif ( self::RESUME === $name ) {
			Run::resume();
			Run::go_on( self::NOW_SECONDS );
		} elseif ( self::STOP === $name ) {
			Run::stop();
		} elseif ( ! Run::is_running() ) {
			Run::forget();
		}
		wp_safe_redirect( Page::url() . '#pointsync-migration' );
		exit;
	}

	private static function begin(): void {
		$typed   = array();
		$problem = '';
		foreach ( array( 'source', 'program', 'was_in_step' ) as $name ) {
			$typed[ $name ] = isset( $_POST[ $name ] ) && is_string( $_POST[ $name ] ) ? trim( sanitize_text_field( wp_unslash( $_POST[ $name ] ) ) ) : '';
		}
		if ( Run::is_running() ) {
			$problem = __( 'Another one is running. Stop it first.', 'pointsync' );
		} elseif ( ! isset( Section::sources()[ $typed['source'] ] ) ) {
			$problem = __( 'From: choose where the points come from.', 'pointsync' );
		} elseif ( ! in_array( $typed['was_in_step'], array( 'yes', 'no' ), true ) ) {
			$problem = __( 'Shops of the family: choose whether customers had the same points in all shops.', 'pointsync' );
		} elseif ( '' !== $typed['program'] && 1 !== preg_match( '/^[a-z0-9][a-z0-9._-]{0,39}$/', $typed['program'] ) ) {
			$problem = __( 'Name of the program: use a-z, 0-9, ., _ and -, at most 40.', 'pointsync' );
		} elseif ( Run::CSV === $typed['source'] ) {
			$problem = self::read_file();
		}
		if ( '' !== $problem ) {
			Values::set_array( self::TYPED, $typed );
			Flash::set( 'error', $problem . ' ' . __( 'Nothing was changed.', 'pointsync' ) );
			return;
		}
		$parts  = explode( ':', $typed['source'], 2 );
		$source = $parts[0];
		Run::begin( $source, '' !== $typed['program'] ? $typed['program'] : $source, 'yes' === $typed['was_in_step'], isset( $parts[1] ) ? $parts[1] : '' );
		Run::go_on( self::NOW_SECONDS );
	}

	/** Read the uploaded file into the table; it is not stored anywhere else. Returns why not, empty if it worked. */
	private static function read_file(): string {
		$path   = isset( $_FILES['file']['tmp_name'] ) && is_string( $_FILES['file']['tmp_name'] ) ? $_FILES['file']['tmp_name'] : '';
		$stream = '' !== $path && is_uploaded_file( $path ) ? fopen( $path, 'rb' ) : false;
		if ( ! $stream ) {
			return Texts::file( 'no_file' );
		}
		$problem = self::read_stream( $stream );
		fclose( $stream );
		return $problem;
	}

	/** @param resource $stream */
	public static function read_stream( $stream ): string {
		global $wpdb;
		$file = new CsvFile( $stream, Shop::reserve() );
		if ( '' !== $file->problem ) {
			return Texts::file( $file->problem );
		}
		$wpdb->query( 'START TRANSACTION' );
		Lines::clear();
		do {
			$lines = $file->next( Run::PART );
			Lines::add( $lines );
		} while ( $lines );
		$wpdb->query( 'COMMIT' );
		return '';
	}

	/** The lines that were left out, with the reason, as CSV. */
	private static function download(): void {
		nocache_headers();
		header( 'Content-Type: text/csv; charset=utf-8' );
		header( 'Content-Disposition: attachment; filename="pointsync-left-out.csv"' );
		$out   = fopen( 'php://output', 'wb' );
		$after = 0;
		fputcsv( $out, array( 'place', 'email', 'points', 'reserve', 'why' ), ',', '"', '' );
		do {
			$rows = Lines::in_states( array( Line::DOUBTFUL, Lines::REFUSED ), 1000, $after );
			foreach ( $rows as $row ) {
				$why   = '' !== $row->message ? $row->message : Texts::reason( $row->reason );
				$cells = array( $row->place, $row->email, $row->points, $row->reserve, $why );
				fputcsv( $out, array_map( array( self::class, 'cell' ), $cells ), ',', '"', '' );
				$after = (int) $row->id;
			}
		} while ( $rows );
		exit;
	}

	/** @param mixed $value A spreadsheet must not take it for a formula. */
	private static function cell( $value ): string {
		$text = (string) $value;
		return 1 === preg_match( '/^[=+@\t\r]/', $text ) || ( 1 === preg_match( '/^-/', $text ) && ! is_numeric( $text ) ) ? "'" . $text : $text;
	}
}

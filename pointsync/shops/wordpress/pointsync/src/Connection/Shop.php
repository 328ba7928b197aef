<?php

namespace PointSync\Connection;

use PointSync\Storage\Options;

/**
 * What this shop knows of itself and of its PointSync: an option that is loaded with each page.
 *
 * `id`, `home` (the address with which it was connected), `url` (of PointSync), `connected_at`, and what PointSync says
 * about itself: `name` (of this shop there), `site` (auth, name, url, version), `reserve` (key, name; null while nothing
 * says how orders count), `rule` (how they count, or null), `lineage`, `double_counting` (hooks there that count the
 * same orders).
 */
final class Shop {

	/** The id that PointSync binds the key to: 32 hex digits, made once. */
	public static function id(): string {
		$shop = Options::get_array( Options::SHOP );
		if ( empty( $shop['id'] ) || ! is_string( $shop['id'] ) ) {
			$shop['id'] = bin2hex( random_bytes( 16 ) );
			Options::set( Options::SHOP, $shop );
		}
		return $shop['id'];
	}

	/** The URL of PointSync; empty while the shop is not connected. */
	public static function url(): string {
		return (string) self::get( 'url', '' );
	}

	/** The address that this shop had when it was connected; empty while it is not. */
	public static function home(): string {
		return (string) self::get( 'home', '' );
	}

	/** Whether a code was exchanged for a key and not given back since. */
	public static function is_connected(): bool {
		return '' !== self::url();
	}

	/** The key of the points reserve in which this shop's orders count. */
	public static function reserve(): string {
		$reserve = self::get( 'reserve', array() );
		return is_array( $reserve ) && isset( $reserve['key'] ) ? (string) $reserve['key'] : 'default';
	}

	/** How the reserve is called, such as "Points". */
	public static function reserve_name(): string {
		$reserve = self::get( 'reserve', array() );
		return is_array( $reserve ) && ! empty( $reserve['name'] ) ? (string) $reserve['name'] : __( 'Points', 'pointsync' );
	}

	/**
	 * How orders count, as PointSync has said last; null while nothing says it.
	 *
	 * @return array<string, mixed>|null
	 */
	public static function rule(): ?array {
		$rule = self::get( 'rule', null );
		return is_array( $rule ) ? $rule : null;
	}

	/**
	 * @param mixed $default
	 * @return mixed
	 */
	public static function get( string $name, $default = null ) {
		$shop = Options::get_array( Options::SHOP );
		return array_key_exists( $name, $shop ) ? $shop[ $name ] : $default;
	}

	/** @param array<string, mixed> $values replace those that are stored */
	public static function set( array $values ): void {
		$shop = Options::get_array( Options::SHOP );
		if ( array_merge( $shop, $values ) !== $shop ) {
			Options::set( Options::SHOP, array_merge( $shop, $values ) );
		}
	}

	/** Store what PointSync says about itself when the shop connects, and each time it reports its state. */
	public static function take_in( Answer $answer ): void {
		$values = array( 'name' => isset( $answer->body['shop'] ) ? (string) $answer->body['shop'] : '' );
		foreach ( array( 'site', 'reserve', 'rule', 'double_counting' ) as $name ) {
			$values[ $name ] = isset( $answer->body[ $name ] ) && is_array( $answer->body[ $name ] ) ? $answer->body[ $name ] : null;
		}
		if ( null === $values['reserve'] ) {
			unset( $values['reserve'] );  // the rule was removed; balances stay where they were
		}
		self::set( $values );
	}

	/** Forget the connection; the id stays. */
	public static function forget_connection(): void {
		Options::set( Options::SHOP, array( 'id' => self::id() ) );
	}

	/** Be another shop from now on: another id, and no connection. */
	public static function become_another(): void {
		Options::set( Options::SHOP, array( 'id' => bin2hex( random_bytes( 16 ) ) ) );
	}
}

<?php

namespace PointSync\Admin;

use PointSync\Connection\Shop;
use PointSync\Connection\StagingGuard;
use PointSync\Feed\Reader;
use PointSync\Orders\Outbox;

/**
 * *Tools › Site Health*: one test, and the facts for support. No secrets.
 */
final class SiteHealth {

	public function register(): void {
		add_filter( 'site_status_tests', array( self::class, 'add_test' ) );
		add_filter( 'debug_information', array( self::class, 'add_facts' ) );
	}

	/**
	 * @param array<string, array<string, mixed>> $tests
	 * @return array<string, array<string, mixed>>
	 */
	public static function add_test( array $tests ): array {
		$tests['direct']['pointsync'] = array(
			'label' => 'PointSync',
			'test'  => array( self::class, 'test' ),
		);
		return $tests;
	}

	/** @return array<string, mixed> */
	public static function test(): array {
		$problems = Problems::all();
		if ( StagingGuard::is_stopped() ) {
			$problems[] = __( 'Nothing is sent to PointSync until you have said whether this shop was moved or is a copy.', 'pointsync' );
		} elseif ( ! Shop::is_connected() ) {
			$problems[] = __( 'This shop is not connected with PointSync.', 'pointsync' );
		}
		return array(
			'label'       => $problems ? __( 'PointSync needs attention', 'pointsync' ) : __( 'PointSync works', 'pointsync' ),
			'status'      => $problems ? 'recommended' : 'good',
			'badge'       => array(
				'label' => 'PointSync',
				'color' => 'blue',
			),
			'description' => '<p>' . ( $problems ? implode( '</p><p>', array_map( 'esc_html', $problems ) ) : esc_html__( 'Orders are reported, and balances are up to date.', 'pointsync' ) ) . '</p>',
			'actions'     => '<p><a href="' . esc_url( Page::url() ) . '">' . esc_html__( 'Open WooCommerce › PointSync', 'pointsync' ) . '</a></p>',
			'test'        => 'pointsync',
		);
	}

	/**
	 * @param array<string, mixed> $info
	 * @return array<string, mixed>
	 */
	public static function add_facts( array $info ): array {
		$summary = Outbox::summary();
		$feed    = Reader::state();
		$values  = array(
			'version' => array( __( 'Version', 'pointsync' ), POINTSYNC_VERSION ),
			'url'     => array( __( 'PointSync', 'pointsync' ), Shop::url() ),
			'shop_id' => array( __( 'Id of this shop', 'pointsync' ), Shop::id() ),
			'waiting' => array( __( 'Changes that wait to be sent', 'pointsync' ), (string) $summary['waiting'] ),
			'refused' => array( __( 'Changes that were refused', 'pointsync' ), (string) $summary['refused'] ),
			'feed'    => array( __( 'Points from other shops were read', 'pointsync' ), $feed['at'] ? gmdate( 'c', $feed['at'] ) : '' ),
		);
		$fields  = array();
		foreach ( $values as $name => $labelled ) {
			$fields[ $name ] = array(
				'label' => $labelled[0],
				'value' => $labelled[1],
			);
		}
		$info['pointsync'] = array(
			'label'  => 'PointSync',
			'fields' => $fields,
		);
		return $info;
	}
}

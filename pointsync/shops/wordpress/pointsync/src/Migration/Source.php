<?php

namespace PointSync\Migration;

/**
 * Where balances come from, read in parts.
 */
interface Source {

	/**
	 * The next lines after a position, which `$position` is set to; the last part has fewer than `$limit`.
	 *
	 * @return Line[]
	 */
	public function read( int &$position, int $limit ): array;
}

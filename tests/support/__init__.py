"""What tests stand on: real processes, a real PostgreSQL, a WooRewards shop, a clock that obeys."""

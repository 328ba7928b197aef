"""Orders of shops: what an order is worth now, and the movements that make up the difference."""

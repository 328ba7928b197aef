"""WooCommerce hooks: what shops deliver, and what it is worth."""

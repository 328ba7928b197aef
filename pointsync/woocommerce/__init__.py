"""WooCommerce hooks: receive what shops deliver, and record its points."""

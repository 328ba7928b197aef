"""Points out: customers, movements and deliveries as CSV."""

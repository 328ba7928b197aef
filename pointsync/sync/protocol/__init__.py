"""Both dialects as a client speaks them."""

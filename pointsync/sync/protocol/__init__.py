"""The wire formats of both dialects, and clients for them."""

"""Expiry: which points a reserve's rule takes, and when."""

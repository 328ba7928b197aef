"""Processes that stay: `serve` and `worker`."""

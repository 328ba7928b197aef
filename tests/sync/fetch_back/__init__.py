"""Fetching lost movements back: what the remotes return, and what becomes of it."""

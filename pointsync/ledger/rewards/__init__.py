"""Rewards and levels of a reserve."""

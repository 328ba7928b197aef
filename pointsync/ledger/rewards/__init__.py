"""Rewards and levels of the reserves."""

"""Remotes: the list, their status, and what is known of the sites behind them."""

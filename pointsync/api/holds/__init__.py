"""Holds in the shop API: their endpoints and the bodies that these take."""

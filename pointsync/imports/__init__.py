"""Imports of points from files: read, check and record them."""

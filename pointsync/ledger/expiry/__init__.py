"""Expiry of points: the rules of the reserves, and their application."""

"""Repairing a difference between two sites: finding the movements, sending them again, and the admin's decisions."""

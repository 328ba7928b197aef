"""Holds: points that a shop holds for a checkout, so that nobody else here spends them meanwhile."""

"""Comparing what two sites hold of each other, and repairing the difference."""

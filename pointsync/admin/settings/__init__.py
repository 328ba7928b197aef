"""System: the other tabs."""

"""System: one file for each tab, with its forms."""

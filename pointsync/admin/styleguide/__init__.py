"""Every component of the panel on one page, in debug mode only."""

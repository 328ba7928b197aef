"""Fetching this site's lost movements back from its remotes, after a restore or after it was set up again."""

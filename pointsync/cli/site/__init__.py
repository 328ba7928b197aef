"""Commands for this site, its admins, keys, hooks and settings."""

"""Keeping sites in step: this site's identity, the wire formats, the remotes, and the deliveries to them."""

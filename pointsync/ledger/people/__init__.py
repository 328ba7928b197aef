"""People: customers who change their address, have several, turn out to be one, or ask to be forgotten."""

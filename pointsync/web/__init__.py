"""What applies to all requests: proxies, logging, the state of the database, and limits."""

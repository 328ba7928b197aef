"""Access to this site: admins and their sign-ins, API keys, and rate limits."""

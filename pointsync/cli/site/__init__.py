"""Commands for this site: its identity, admins, API keys, hooks, mails and settings."""

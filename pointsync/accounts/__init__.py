"""Who may use this site: admins and where they are signed in, API keys, and how often anybody may try."""

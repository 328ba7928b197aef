"""Running a site: backups, restores, and the change of the secret key."""

"""Commands for backups, upgrades and checks."""

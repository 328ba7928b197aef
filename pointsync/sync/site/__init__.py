"""The local site: its identity, Pass and settings."""

"""The local site: who it is, its Pass, its settings."""

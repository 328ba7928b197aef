"""The panel behind a real nginx and a real Caddy, with the manual's configuration."""

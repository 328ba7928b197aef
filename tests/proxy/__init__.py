"""The panel behind a real nginx and a real Caddy, as the README has them."""

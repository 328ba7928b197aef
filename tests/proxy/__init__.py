"""The panel behind a real nginx and a real Caddy, as the manual has them."""

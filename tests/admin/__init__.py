"""The panel, without a browser: who gets in, what is refused, what every page tells."""

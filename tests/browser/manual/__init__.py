"""The manual in a browser."""

"""The manual in the panel."""

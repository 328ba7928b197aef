"""The manual in the panel: its pages, a search, and a link to the right place from every other page."""

"""Reports that the panel, the commands and the API read."""

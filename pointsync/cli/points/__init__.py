"""Commands for customers and their points."""

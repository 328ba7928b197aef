"""Orders: a shop's program reports what they are, and this site computes their points."""

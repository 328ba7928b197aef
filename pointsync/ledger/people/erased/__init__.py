"""What is known of erased people: tokens, keyed hashes, and how texts name an address. Knows nothing of changes."""

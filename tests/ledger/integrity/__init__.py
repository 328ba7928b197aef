"""Whether the ledger is what it was, and what corrects it."""

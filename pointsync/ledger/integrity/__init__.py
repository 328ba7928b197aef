"""Whether the ledger is what it was: sums that are compared, rows that are read again, and edits that are noticed."""

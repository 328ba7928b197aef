"""The ledger: movements and balances. Functions take a Session and only flush; the caller commits."""

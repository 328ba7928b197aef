"""The heart: movements and balances. Knows no HTTP and no Flask; every function takes a Session and
flushes, its caller commits."""

"""Points in: a file is read, looked at, and recorded."""

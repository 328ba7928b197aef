"""What stands around every request, whoever calls."""

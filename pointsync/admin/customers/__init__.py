"""Customers: the list, their history, and points by hand."""

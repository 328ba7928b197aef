"""Requests that nobody should send, by the thousand, from a seed."""

"""Outgoing HTTP: the client, its limits, and the addresses that it may call."""

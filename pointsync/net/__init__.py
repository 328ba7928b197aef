"""Outgoing HTTP: one client, its limits, and the addresses that it may call."""

"""Sending: claim a batch, make the call, save the outcome."""

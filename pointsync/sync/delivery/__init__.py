"""Sending: claim a batch, make the call, save its outcome."""

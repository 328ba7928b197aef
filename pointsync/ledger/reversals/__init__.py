"""Reversals of movements from another site."""

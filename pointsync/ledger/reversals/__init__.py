"""Reversals: the movements of an origin taken back."""

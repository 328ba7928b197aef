"""Balances below zero where the reserve does not allow it: the movements that caused them, and their correction."""

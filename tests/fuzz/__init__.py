"""Thousands of generated invalid requests, reproducible from a seed."""

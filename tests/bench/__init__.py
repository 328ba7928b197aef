"""Benchmarks: `python -m tests.bench` measures and prints; nothing here asserts a time."""

"""Benchmarks: `python -m tests.bench` measures and prints. No benchmark checks a time."""

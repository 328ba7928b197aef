"""The jobs that run by themselves, and when."""

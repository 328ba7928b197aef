"""Three real sites under load for minutes, while everything goes wrong. `python -m tests.soak`."""

"""`serve` and `worker`: the commands that keep running."""

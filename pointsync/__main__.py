"""`python -m pointsync` is the `pointsync` command."""

from pointsync.cli import main

main()

"""`pointsync demo`: several complete sites on this machine."""

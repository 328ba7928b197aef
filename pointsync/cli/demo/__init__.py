"""`pointsync demo`: a family of real sites on this machine, to look at and to play with."""

"""Property tests: no time limit per example, since a busy machine is no fault, and a failure that replays."""

from hypothesis import settings

settings.register_profile("pointsync", deadline=None, print_blob=True)
settings.load_profile("pointsync")

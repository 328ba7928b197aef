"""What an API key can be allowed, for commands, the panel and the API alike."""

SCOPES = {
    "record": "Record movements, and redeem rewards for customers.",
    "read": "Read customers’ balances and movements, points reserves and rewards.",
    "admin": "Watch over this site: its remotes with their status, and its figures at /metrics.",
}
"""What each is for, in words for people. None holds another: a program that reads figures need not record points."""
MAX_PER_MINUTE = 60_000
"""The highest rate that a key can have."""

"""The scopes of API keys, for commands, the panel and the API."""

SCOPES = {
    "record": "Record movements, and redeem rewards for customers.",
    "read": "Read customers’ balances and movements, points reserves and rewards.",
    "admin": "Read this site’s remotes with their status, and its metrics at /metrics.",
}
"""Descriptions of the scopes. No scope includes another one."""
MAX_PER_MINUTE = 60_000
"""The highest rate limit of a key."""

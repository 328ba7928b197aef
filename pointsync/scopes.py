"""The scopes of API keys, for commands, the panel and the API."""

from collections.abc import Iterable

SCOPES = {
    "record": "Record movements, redeem rewards, and hold points for a checkout.",
    "read": "Read customers’ balances, movements as they are recorded, points reserves, rewards and the site.",
    "shop": "All that a shop’s plugin needs: what record and read allow, reporting orders, and webhooks.",
    "people": "Rename and merge customers, undo merges, read all stored data about a person, and erase people.",
    "admin": "Read this site’s remotes with their status, and its metrics at /metrics.",
}
"""Descriptions of the scopes."""
INCLUDED_SCOPES = {"shop": frozenset({"record", "read"})}
"""What a scope includes besides itself. The others include nothing."""


def allows(scopes: Iterable[str], needed: str) -> bool:
    """Whether a key with `scopes` may make a call that needs the scope `needed`."""
    return any(needed == each or needed in INCLUDED_SCOPES.get(each, ()) for each in scopes)


MAX_PER_MINUTE = 60_000
"""The highest rate limit of a key."""
MAX_KEPT_HOURS = 30 * 24
"""How long the old key can still work after a rotation."""

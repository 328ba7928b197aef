"""What fits: the limits of points and texts, the same for every way in."""

import re
import unicodedata

from pointsync.errors import Invalid

MAX_POINTS = 2_000_000_000
MAX_REASON = 500
MAX_REF = 191
MAX_NAME = 191
MAX_TITLE = 100
MAX_DESCRIPTION = 500

_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def is_reserve_key(text: str) -> bool:
    """Whether `text` can be a reserve's key: letters, digits, `_` and `-`, at most 64."""
    return bool(_KEY.match(text))


def check_points(points: int, field: str) -> int:
    """`points`, when they are within bounds. Raises Invalid naming `field`."""
    if abs(points) > MAX_POINTS:
        raise Invalid(field, f"Points must be within ±{MAX_POINTS:,}; this is {points:,}.")
    return points


def check_text(text: str, limit: int, field: str) -> str:
    """`text` without surrounding space, when it is short enough and fit to be stored and shown."""
    text = text.strip()
    if len(text) > limit:
        raise Invalid(field, f"At most {limit} characters; this has {len(text)}.")
    if not is_storable(text):
        raise Invalid(field, "It holds control characters; type plain text on one line.")
    return text


def is_storable(text: str) -> bool:
    """Whether a database and a screen can take `text`: no controls, no lone surrogates."""
    # What is printable is neither; asking that first is twenty times quicker, and nearly every text is.
    return text.isprintable() or not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def clean(text: str, limit: int) -> str:
    """`text` from another site made fit: what cannot be shown is a space, what is too long is cut."""
    shown = "".join(letter if unicodedata.category(letter) not in ("Cc", "Cs") else " " for letter in text)
    return shown.strip()[:limit]

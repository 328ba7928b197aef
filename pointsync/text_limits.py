"""What fits: the limits of points and texts, the same for every way in."""

import re
import unicodedata

from pointsync.errors import InvalidInput

MAX_POINTS = 2_000_000_000
MAX_REASON_LENGTH = 500
MAX_REF_LENGTH = 191
MAX_NAME_LENGTH = 191
MAX_TITLE_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 500

_RESERVE_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def is_reserve_key(text: str) -> bool:
    """Whether `text` can be a reserve's key: letters, digits, `_` and `-`, at most 64."""
    return bool(_RESERVE_KEY.match(text))


def validate_points(points: int, field: str) -> int:
    """`points`, when they are within bounds. Raises Invalid naming `field`."""
    if abs(points) > MAX_POINTS:
        raise InvalidInput(field, f"Points must be within ±{MAX_POINTS:,}; this is {points:,}.")
    return points


def validate_text(text: str, limit: int, field: str) -> str:
    """`text` without surrounding space, when it is short enough and fit to be stored and shown."""
    text = text.strip()
    if len(text) > limit:
        raise InvalidInput(field, f"At most {limit} characters; this has {len(text)}.")
    if not is_storable(text):
        raise InvalidInput(field, "It holds control characters; type plain text on one line.")
    return text


def is_storable(text: str) -> bool:
    """Whether a database and a screen can take `text`: no controls, no lone surrogates."""
    # What is printable is neither; asking that first is twenty times quicker, and nearly every text is.
    return text.isprintable() or not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def sanitise(text: str, limit: int) -> str:
    """`text` from another site made fit: what cannot be shown is a space, what is too long is cut."""
    printable = "".join(letter if unicodedata.category(letter) not in ("Cc", "Cs") else " " for letter in text)
    return printable.strip()[:limit]

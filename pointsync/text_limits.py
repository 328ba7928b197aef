"""The limits of points and texts, which are the same everywhere."""

import re
import unicodedata

from pointsync.errors import InvalidInput

MAX_POINTS = 2_000_000_000
MAX_REASON_LENGTH = 500
MAX_REF_LENGTH = 191
MAX_NAME_LENGTH = 191
MAX_TITLE_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 500
MAX_MESSAGE_LENGTH = 500
MAX_QUOTED_LENGTH = 40

QUOTES = "\"'`´‘’‚‛“”„‟«»‹›"
"""What people and programs put around a text."""

_RESERVE_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def is_reserve_key(text: str) -> bool:
    """Whether `text` is a valid key of a reserve: 1 to 64 letters, digits, `_` and `-`."""
    return bool(_RESERVE_KEY.match(text))


def validate_points(points: int, field: str) -> int:
    """`points`, if they are within the bounds. Raises InvalidInput for `field`."""
    if abs(points) > MAX_POINTS:
        raise InvalidInput(field, f"Points must be within ±{MAX_POINTS:,}; this is {points:,}.")
    return points


def validate_text(text: str, limit: int, field: str) -> str:
    """`text` without surrounding spaces. Raises InvalidInput for `field` if it is too long or cannot be stored."""
    text = text.strip()
    if len(text) > limit:
        raise InvalidInput(field, f"At most {limit} characters; this has {len(text)}.")
    if not is_storable(text):
        raise InvalidInput(field, "It contains control characters; type plain text on one line.")
    return text


def is_storable(text: str) -> bool:
    """Whether `text` can be stored and shown: it has no control characters and no lone surrogates."""
    # Printable text has neither. Checking this first is twenty times faster for nearly all texts.
    return text.isprintable() or not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def printable(text: str, limit: int = MAX_QUOTED_LENGTH) -> str:
    """`text` for a message: at most `limit` characters, with `?` for those that cannot be shown."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def trim_pasted(text: str) -> str:
    """`text` without what comes along when people copy it: spaces, line ends, invisible characters, quotes around it.

    For credentials whose form has none of these.
    """
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip()
    return text.strip(QUOTES).strip()


def sanitise(text: str, limit: int) -> str:
    """`text` from another site, made storable: control characters become spaces, and long text is cut."""
    if text.isprintable():  # twenty times faster for nearly all texts
        return text.strip()[:limit]
    storable = "".join(letter if unicodedata.category(letter) not in ("Cc", "Cs") else " " for letter in text)
    return storable.strip()[:limit]

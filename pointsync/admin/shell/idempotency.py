"""A form's idempotency key: a form that is sent twice records its movements once."""

import re

_IDEMPOTENCY_KEY = re.compile(r"[0-9a-f]{32}\Z")


def parse_idempotency_key(text: str | None) -> str | None:
    """The key that a form was sent with; None if it is missing or malformed."""
    return text if text and _IDEMPOTENCY_KEY.match(text) else None

"""The mark of a form, by which what it records is recorded once."""

import re

_IDEMPOTENCY_KEY = re.compile(r"[0-9a-f]{32}\Z")


def parse_idempotency_key(text: str | None) -> str | None:
    """The mark of a form, by which what it records is known again; None where it is not one of ours."""
    return text if text and _IDEMPOTENCY_KEY.match(text) else None

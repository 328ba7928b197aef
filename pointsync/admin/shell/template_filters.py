"""How texts and numbers are shown."""

import re
from datetime import datetime

from pointsync import clock
from pointsync.admin.shell.panel import blueprint
from pointsync.ledger.people.erased.tokens import is_token

_BIDI_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@blueprint.app_template_filter()
def strip_bidi(text: str | None) -> str:
    """A text from outside without Unicode's direction marks, which can disguise what it says."""
    return _BIDI_MARKS.sub("", text or "")


@blueprint.app_template_filter()
def customer_name(address: str | None) -> str:
    """A customer's address; of an erased person, the beginning of the token tells one from another."""
    return f"Erased person {address[:8]}" if address and is_token(address) else strip_bidi(address)


@blueprint.app_template_filter("from_text")
def parse_time(text: str) -> datetime:
    """The time in a text of `clock.to_text`."""
    return clock.from_text(text)


@blueprint.app_template_filter("number")
def format_number(value: int) -> str:
    """A whole number with thousands separators and a real minus sign."""
    return f"{value:,}".replace("-", "−")


@blueprint.app_template_filter("signed")
def format_signed(value: int) -> str:
    """A change of points, with its sign: `+1,000`, `−20`, and `0`."""
    return f"{value:+,}".replace("-", "−") if value else "0"


@blueprint.app_template_filter("plural")
def format_count(value: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: `1 movement`, `2 movements`; `plural` for forms other than `singular` plus s."""
    return f"{format_number(value)} {singular if value == 1 else plural or singular + 's'}"

"""How texts and numbers are shown."""

import re

from pointsync.admin.shell.panel import blueprint

_BIDI_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@blueprint.app_template_filter()
def strip_bidi(text: str | None) -> str:
    """What another site told, without the marks that turn the direction of writing and so disguise a text."""
    return _BIDI_MARKS.sub("", text or "")


@blueprint.app_template_filter("number")
def format_number(value: int) -> str:
    """A whole number as people read it, with a real minus sign."""
    return f"{value:,}".replace("-", "−")


@blueprint.app_template_filter("signed")
def format_signed(value: int) -> str:
    """A change of points: with its sign, whichever it is."""
    return f"{value:+,}".replace("-", "−")

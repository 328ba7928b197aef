"""Escaping CSV cells that a spreadsheet would read as formulas."""

import re

# Text that looks escaped is escaped again, so that unescaping always restores the original.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escape_formula(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet would read it as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """The original of `escape_formula`; `text` itself if it is not escaped."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text

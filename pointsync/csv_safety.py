"""Cells of a CSV file that a spreadsheet must not take for formulas."""

import re

# A text that only looks defused is defused once more, so that taking one mark away always gives it back.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escape_formula(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """What `defuse` was given, or `text` itself where it has no such apostrophe."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text

"""A browser's name from its User-Agent header."""

import re

MAX_LENGTH = 500

BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
"""Most browsers also name others in the header. The first match counts."""

OPERATING_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)
PRODUCT_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
"""A product's name (RFC 9110, 10.1.5), limited to the characters that are common."""


def describe(user_agent: str) -> str:
    """Such as `Firefox on Linux`; for other programs their product name, at most 40 characters. Never empty."""
    text = user_agent[:MAX_LENGTH]
    name, system = _first_match(BROWSERS, text), _first_match(OPERATING_SYSTEMS, text)
    if name is None:
        product = PRODUCT_PATTERN.match(text)
        name = product[0] if product and product[0] != "Mozilla" else "Unknown browser"
    return f"{name} on {system}" if system else name


def _first_match(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)

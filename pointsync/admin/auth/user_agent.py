"""What a browser calls itself, in a few words."""

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
"""Most browsers name others as well: the first that fits is meant."""

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
"""The name of a product (RFC 9110, 10.1.5), without the letters that nobody uses."""


def describe(user_agent: str) -> str:
    """Such as `Firefox on Linux`; of a program that is no browser its own name, at most 40 letters. Never empty."""
    text = user_agent[:MAX_LENGTH]
    name, system = _first_match(BROWSERS, text), _first_match(OPERATING_SYSTEMS, text)
    if name is None:
        product = PRODUCT_PATTERN.match(text)
        name = product[0] if product and product[0] != "Mozilla" else "Unknown browser"
    return f"{name} on {system}" if system else name


def _first_match(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)

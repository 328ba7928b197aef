"""What a browser calls itself, in a few words."""

import re

MAX_READ = 500

BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
"""Most browsers name others as well: the first that fits is meant."""

SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)
PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
"""The name of a product (RFC 9110, 10.1.5), without the letters that nobody uses."""


def words(user_agent: str) -> str:
    """Such as `Firefox on Linux`; of a program that is no browser its own name, at most 40 letters. Never empty."""
    text = user_agent[:MAX_READ]
    name, system = _first(BROWSERS, text), _first(SYSTEMS, text)
    if name is None:
        product = PRODUCT.match(text)
        name = product[0] if product and product[0] != "Mozilla" else "Unknown browser"
    return f"{name} on {system}" if system else name


def _first(kinds: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in kinds if re.search(pattern, text)), None)

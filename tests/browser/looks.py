"""What every page must bear: axe's rules, the window's width, the browser's own complaints."""

import os
from itertools import product
from pathlib import Path
from typing import Final, Literal

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

WIDTHS: Final = (360, 1440)
NARROWEST = 320
"""A window of 1280 at 400 % (WCAG 2.2, 1.4.10)."""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
"""Of these rules, those that a scheme of colours can break."""
LOOKED_AT = {"exclude": [["tbody tr:nth-child(n+11)"]]}
"""A list's first ten rows: the others are made by the same template, and take most of the time."""


def complaints(page: Page) -> list[str]:
    """A list that fills with what the browser complains about: a policy broken, a style not found."""
    heard: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            heard.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def check(page: Page, name: str) -> None:
    """On a phone and at a desk, by day and by night: no violation, and nothing wider than the window.

    A picture of each, where POINTSYNC_TEST_PICTURES names a folder. The page is left as it was.
    """
    was, axe = page.viewport_size, Axe()
    assert was
    page.evaluate(axe.axe_script)
    for width, scheme in product(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": was["height"]})
        page.emulate_media(color_scheme=scheme)
        keep_picture(page, f"{name}-{scheme}-{width}")
        rules = RULES if scheme == SCHEMES[0] else COLOURS
        found = AxeResults(page.evaluate("([where, rules]) => axe.run(where, rules)", [LOOKED_AT, rules]))
        assert found.violations_count == 0, f"{name}, {scheme}, {width}: {found.generate_report()}"
        assert _fits(page), f"{name}, {width}"
    page.set_viewport_size({"width": NARROWEST, "height": was["height"]})
    assert _fits(page), f"{name}, {NARROWEST}"
    page.set_viewport_size(was)
    page.emulate_media(color_scheme=SCHEMES[0])


def _fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def keep_picture(page: Page, name: str) -> None:
    """A picture of the whole page, for people to look at."""
    if folder := os.environ.get("POINTSYNC_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

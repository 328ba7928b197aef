"""What every page must bear: axe's rules, the window's width, the browser's own complaints."""

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


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
    """No violation, nothing wider than the window; a picture, where POINTSYNC_TEST_PICTURES names a folder."""
    keep_picture(page, name)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name


def keep_picture(page: Page, name: str) -> None:
    """A picture of the whole page, for people to look at."""
    if folder := os.environ.get("POINTSYNC_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

"""What holds for every page: axe finds nothing, nothing is wider than the window, the browser reports no error."""

import os
from itertools import product
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Frame, Page

SCREENSHOT_FOLDER = os.environ.get("POINTSYNC_TEST_PICTURES")
WIDTHS: Final = (360, 1440)
NARROWEST = 320
"""A window of 1280 at 400 % (WCAG 2.2, 1.4.10)."""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
AXE_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
AXE_LAYOUT_RULES = {
    "runOnly": {
        "type": "rule",
        "values": [
            *("color-contrast", "link-in-text-block"),
            *("target-size", "scrollable-region-focusable", "aria-hidden-focus", "region"),
        ],
    },
    "resultTypes": ["violations"],
}
"""Of these rules, those that another width or scheme of colours can break."""
RUN_AXE = """rules => {
  const shapeOf = (element) => [
    element.tagName,
    ...[...element.attributes].map(({ name, value }) => (/^(class|role|type)$/.test(name) ? `${name}=${value}` : name)),
    [...element.childNodes].some((each) => each.nodeType === Node.TEXT_NODE && each.data.trim()),
    ...[...element.children].map(shapeOf),
  ].join(" ");
  const known = new Set();
  const same = [...document.querySelectorAll("tbody tr")].filter((row) => {
    const shape = `${row.sectionRowIndex % 2} ${shapeOf(row)}`;
    return known.has(shape) || !known.add(shape);
  });
  return axe.run({ exclude: same }, rules).then(({ violations }) => ({ violations }));
}"""
"""Of a list's rows only one of each shape: the others are made of the same elements, and take most of the time.

The shape is all elements with their classes, roles, types, the names of their other attributes, whether there is text,
and the stripe: every other row has another background.
"""


CUT_PARTS = """() => {
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
  const boxes = ".breadcrumbs ol, .list :is(th, td), .manual-table";
  const wide = [...document.querySelectorAll(boxes)].filter((box) => box.scrollWidth > box.clientWidth + 1);
  const overlapping = [...document.querySelectorAll(".chart-labels")].filter((row) => {
    const labels = [...row.querySelectorAll("span > span")].filter(isShown).map((each) => each.getBoundingClientRect());
    return labels.some((label, place) => place && label.left < labels[place - 1].right);
  });
  return [...wide.filter(isShown), ...overlapping].map((each) => each.innerText.slice(0, 60));
}"""
"""The texts of boxes with something that sticks out of them, and of charts with labels over each other."""


def collect_console_errors(page: Page) -> list[str]:
    """A list to which the browser's errors and warnings are added, such as a style that is not found."""
    heard: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            heard.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def check_page(page: Page, name: str, *, thorough: bool = False) -> None:
    """In narrow and wide windows, light and dark: axe finds nothing, and nothing is wider than the window.

    Pages are made of the same parts. So each is checked in two of the four ways, which its name chooses, and by axe in
    one of these. `thorough` checks all four, with axe. If POINTSYNC_TEST_PICTURES names a folder, a picture of each of
    the four is saved there. Afterwards the page is as it was.
    """
    # The rows of a page can be read before its styles are there.
    page.wait_for_load_state()
    was = page.viewport_size
    assert was
    ways = list(product(WIDTHS, SCHEMES))
    ways_with_axe = ways
    if not thorough and not SCREENSHOT_FOLDER:
        turn = crc32(name.encode()) % 4
        ways = ways[::3] if turn % 2 else ways[1:3]
        ways_with_axe = ways[turn // 2 :][:1]
    for width, scheme in ways:
        page.set_viewport_size({"width": width, "height": was["height"]})
        page.emulate_media(color_scheme=scheme)
        save_screenshot(page, f"{name}-{scheme}-{width}")
        if (width, scheme) in ways_with_axe:
            rules = AXE_RULES if len(ways_with_axe) == 1 or width == WIDTHS[0] else AXE_LAYOUT_RULES
            found = axe_violations(page, rules)
            assert not found, f"{name}, {scheme}, {width}: {found}"
        assert _has_no_overflow(page), f"{name}, {width}"
        assert width == WIDTHS[0] or _shows_every_tab(page), f"{name}, {width}"
        assert not (cut := page.evaluate(CUT_PARTS)), f"{name}, {width}: {cut}"
    page.set_viewport_size({"width": NARROWEST, "height": was["height"]})
    assert _has_no_overflow(page), f"{name}, {NARROWEST}"
    page.set_viewport_size(was)
    page.emulate_media(color_scheme=SCHEMES[0])


def axe_violations(where: Page | Frame, rules: dict[str, object] = AXE_RULES) -> str:
    """The report of what axe finds on a page or in a frame; empty if it finds nothing."""
    if not where.evaluate("'axe' in window"):
        where.evaluate(Axe().axe_script)
    found = AxeResults(where.evaluate(RUN_AXE, rules))
    return found.generate_report() if found.violations_count else ""


def _has_no_overflow(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def _shows_every_tab(page: Page) -> bool:
    """Whether no tab of the section has to be scrolled to."""
    cut = "[...document.querySelectorAll('.tabs-strip')].some((strip) => strip.scrollWidth > strip.clientWidth)"
    return not page.evaluate(cut)


def save_screenshot(page: Page, name: str) -> None:
    """Save a picture of the whole page, if POINTSYNC_TEST_PICTURES names a folder."""
    if SCREENSHOT_FOLDER:
        page.screenshot(path=Path(SCREENSHOT_FOLDER) / f"{name}.png", full_page=True)

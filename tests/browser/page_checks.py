"""What holds for every page: axe finds nothing, nothing is wider than the window, the browser reports no error."""

import os
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Frame, Page

AXE_SCRIPT = Axe().axe_script
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
RUN_AXE = """([rules, seen]) => {
  if (!("axe" in window)) return null;
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
  const around = [...document.body.children].filter((each) => !each.matches("main, dialog"));
  const shapes = around.map(shapeOf);
  const sameAround = around.filter((_, number) => seen.includes(shapes[number]));
  const dialog = document.querySelector("dialog:modal");
  const context = dialog ? { include: [dialog] } : { exclude: [...same, ...sameAround] };
  return axe.run(context, rules).then(({ violations }) => ({ violations, shapes: dialog ? [] : shapes }));
}"""
"""Of a list's rows only one of each shape: the others are made of the same elements, and take most of the time.

The shape is all elements with their classes, roles, types, the names of their other attributes, whether there is text,
and the stripe: every other row has another background. While a dialog is open, nobody reaches the page behind it, so
only the dialog is looked at. The parts around `main`, which all pages have, are looked at once in each shape (`seen`).
The answer is null if axe is not there yet.
"""

SEEN_SHAPES: defaultdict[object, set[str]] = defaultdict(set)
"""The shapes of parts around `main` in which axe has found nothing, by the rules and by how the page was shown."""


WIDE_PARTS = """() => {
  const page = document.documentElement;
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)];
  const sticksOut = (box, slack) => box.scrollWidth > box.clientWidth + slack;
  const cut = all(".breadcrumbs ol, .list :is(th, td), .manual-table").filter((box) => sticksOut(box, 1));
  const overlapping = all(".chart-labels").filter((row) => {
    const labels = [...row.querySelectorAll("span > span")].filter(isShown).map((each) => each.getBoundingClientRect());
    return labels.some((label, place) => place && label.left < labels[place - 1].right);
  });
  const nameOf = (element) => element.innerText.slice(0, 60);
  return {
    page: sticksOut(page, 0) ? [`${page.scrollWidth} wide`] : [],
    boxes: [...cut.filter(isShown), ...overlapping].map(nameOf),
    tabs: all(".tabs-strip").filter((strip) => sticksOut(strip, 0)).map(nameOf),
  };
}"""
"""Whether the page is wider than the window; the texts of boxes with something that sticks out of them, and of charts
with labels over each other; the rows of tabs of which some have to be scrolled to."""


def collect_console_errors(page: Page) -> list[str]:
    """A list to which the browser's errors and warnings are added, such as a style that is not found."""
    heard: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            heard.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def check_page(page: Page, name: str, *, axe_ways: int = 1) -> None:
    """In narrow and wide windows, light and dark: axe finds nothing, and nothing is wider than the window.

    Pages are made of the same parts. So axe looks at each page in one of four ways, which its name chooses; or in
    `axe_ways`: two that differ in both, or all four. If POINTSYNC_TEST_PICTURES names a folder, a picture of each of
    the four is saved there. Afterwards the page is as it was.
    """
    # The rows of a page can be read before its styles are there.
    page.wait_for_load_state()
    was = page.viewport_size
    assert was
    ways = list(product(WIDTHS, SCHEMES))
    if axe_ways == 1 and not SCREENSHOT_FOLDER:
        ways = [ways[crc32(name.encode()) % 4]]
    elif axe_ways == 2 and not SCREENSHOT_FOLDER:
        ways = ways[::3]
    for width in (*reversed(WIDTHS), NARROWEST):
        _set_width(page, width)
        for scheme in [scheme for its_width, scheme in ways if its_width == width]:
            page.emulate_media(color_scheme=scheme)
            save_screenshot(page, f"{name}-{scheme}-{width}")
            rules = AXE_RULES if len(ways) == 1 or width == WIDTHS[0] else AXE_LAYOUT_RULES
            found = axe_violations(page, rules, (width, scheme))
            assert not found, f"{name}, {scheme}, {width}: {found}"
        found_wide = page.evaluate(WIDE_PARTS)
        assert not found_wide["page"], f"{name}, {width}: {found_wide}"
        assert width == NARROWEST or not found_wide["boxes"], f"{name}, {width}: {found_wide}"
        assert width != WIDTHS[1] or not found_wide["tabs"], f"{name}, {width}: {found_wide}"
    _set_width(page, was["width"])
    page.emulate_media(color_scheme=SCHEMES[0])


def _set_width(page: Page, width: int) -> None:
    """Make the window so wide, if it is not."""
    now = page.viewport_size
    assert now
    if now["width"] != width:
        page.set_viewport_size({"width": width, "height": now["height"]})


def axe_violations(where: Page | Frame, rules: dict[str, object] = AXE_RULES, way: object = None) -> str:
    """The report of what axe finds on a page or in a frame; empty if it finds nothing.

    `way` is how the page is shown. What is around `main` is left out if it was looked at in the same way before.
    """
    key = (id(rules), way)
    argument = [rules, sorted(SEEN_SHAPES[key]) if way else []]
    answer = where.evaluate(RUN_AXE, argument)
    if answer is None:
        where.evaluate(AXE_SCRIPT)
        answer = where.evaluate(RUN_AXE, argument)
    found = AxeResults(answer)
    if found.violations_count:
        return str(found.generate_report())
    SEEN_SHAPES[key].update(answer["shapes"])
    return ""


def save_screenshot(page: Page, name: str) -> None:
    """Save a picture of the whole page, if POINTSYNC_TEST_PICTURES names a folder."""
    if SCREENSHOT_FOLDER:
        page.screenshot(path=Path(SCREENSHOT_FOLDER) / f"{name}.png", full_page=True)

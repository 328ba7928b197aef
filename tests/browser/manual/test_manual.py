"""The manual in a browser: how it looks, and the search by keyboard, with scripts and without."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE_WAYS, BOTH_WIDTHS
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import WIDTHS, check_page, collect_console_errors
from tests.support.paths import MANUAL


@AXE_WAYS
def test_the_pages(page: Page, url: str, app: Flask, axe_ways: int) -> None:
    heard = collect_console_errors(page)
    sign_in_first_admin(page, url, app)
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Manual").click()
    expect(page.get_by_role("heading", name="PointSync manual")).to_be_visible()
    check_page(page, "manual")
    page.get_by_role("navigation", name="Pages of the manual").get_by_role("link", name="Troubleshooting").click()
    expect(page.get_by_role("heading", name="Troubleshooting", exact=True)).to_be_visible()
    check_page(page, "manual-troubleshooting")
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Needs attention").click()
    expect(page.get_by_role("heading", name="Needs attention")).to_be_in_viewport()
    page.get_by_role("link", name="Next page").or_(page.get_by_role("link", name="Previous page")).first.click()
    page.goto(f"{url}/manual/backups")
    check_page(page, "manual-backups", axe_ways=axe_ways)
    assert page.locator("#code-1").evaluate("(code) => code.textContent") == "pointsync backup points.zip"
    timer = page.locator("pre code", has_text="OnCalendar").evaluate("(code) => code.textContent")
    assert timer.startswith("# /etc/systemd/system/pointsync-backup.timer\n[Unit]\n")
    assert "\n\n[Timer]\nOnCalendar=" in timer
    page.get_by_role("button", name="Copy code 1", exact=True).click()
    expect(page.locator("[data-announcer]")).to_have_text(re.compile("Copied|selected"))
    assert heard == []


@BOTH_WIDTHS
def test_nothing_of_any_page_is_cut(page: Page, url: str, app: Flask) -> None:
    """On a phone diagrams scroll, with a shadow where they go on."""
    sign_in_first_admin(page, url, app, "/manual")
    boxes = ".manual-table" if page.viewport_size == {"width": WIDTHS[0], "height": 900} else ".manual-table, pre"
    is_cut = "(boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.innerText)"
    for name in sorted(path.stem for path in MANUAL.glob("*.md") if path.stem != "index"):
        page.goto(f"{url}/manual/{name}")
        assert page.locator(boxes).evaluate_all(is_cut) == [], name


@BOTH_WIDTHS
def test_the_search_by_keyboard(page: Page, url: str, app: Flask) -> None:
    heard = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/manual/backups")
    search = page.get_by_label("Search the manual")
    search.focus()
    page.keyboard.type("change the pass")
    result = page.get_by_role("link", name="Change the Pass", exact=True)
    expect(result).to_be_visible()
    expect(page).to_have_url(re.compile(r"/manual\?q=change\+the\+pass$"))
    expect(page.locator("[data-announcer]")).to_have_text(re.compile("results?$"))
    expect(search).to_be_focused()
    check_page(page, "manual-search")

    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    expect(page.get_by_role("heading", name="Make a backup")).to_be_visible()
    expect(page).to_have_url(f"{url}/manual/backups")

    page.keyboard.type("change the pass")
    expect(result).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Change the Pass":
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/manual/keys#change-the-pass")
    expect(page.get_by_role("heading", name="Change the Pass")).to_be_in_viewport()
    page.go_back()
    expect(result).to_be_visible()
    page.get_by_label("Search the manual").fill("zebra")
    expect(page.locator("[data-manual-count]")).to_have_text("No results")
    assert heard == []


def test_the_search_without_scripts(page_without_scripts: Page, url: str, app: Flask) -> None:
    page = page_without_scripts
    sign_in_first_admin(page, url, app, "/manual/points")
    page.get_by_label("Search the manual").fill("restore")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Restore a backup", exact=True).click()
    expect(page).to_have_url(f"{url}/manual/backups#restore-a-backup")
    expect(page.get_by_role("button", name="Copy code 1", exact=True)).to_be_hidden()


def test_help_from_a_page(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, "/system/mails")
    page.get_by_role("link", name="Help on this page").click()
    expect(page).to_have_url(f"{url}/manual/points#mails")
    expect(page.get_by_role("heading", name="Mails", exact=True)).to_be_in_viewport()

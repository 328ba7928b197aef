"""Every component of the panel in each of its states, checked by axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE_WAYS
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors, save_screenshot
from tests.support.site_template import open_site


@pytest.fixture
def app(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A site in debug mode."""
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with open_site(data_folder) as app:
        yield app


@AXE_WAYS
def test_all_of_them(page: Page, url: str, app: Flask, axe_ways: int) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/components")
    expect(page.get_by_role("heading", name="Charts")).to_be_visible()
    for summary in page.get_by_text("Show the numbers").all():
        summary.click()
    page.get_by_text("A collapsed group").click()
    page.get_by_label("Help on Seconds between two attempts").click()
    expect(page.get_by_text("The time between a failed attempt and the next one.")).to_be_visible()
    check_page(page, "components", axe_ways=axe_ways)

    page.get_by_label("Actions for Shop 2").click()
    expect(page.get_by_role("button", name="Retry now", exact=True)).to_be_visible()
    expect(page.get_by_text("The time between a failed attempt and the next one.")).not_to_be_visible()
    save_screenshot(page, "components-menu")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Open the sheet").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert console_errors == []

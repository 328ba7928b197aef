"""Import a large file in the panel, closing the browser during each step and continuing in a new one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.imports import LINES, write_file
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.navigation import NAME, PASSWORD
from tests.support.process import SiteProcess

LONG_MS = 1_200_000
NOTHING_NEW = f"{LINES:,} lines as opening balances: 0 new, {LINES:,} recorded before, 0 with errors."


def run() -> dict[str, Any]:
    """Upload, dry run and import, the same file again, and an export of customers: seconds and the site's memory."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "movements.csv"
        write_file(file, LINES)
        figures["lines"], figures["megabytes of the file"] = LINES, round(file.stat().st_size / 1_000_000)
        with SiteProcess(Path(folder) / "site") as site:
            site.cli("admin", "create", NAME, "--password-stdin", input=f"{PASSWORD}\n")
            for name in ("first", "again"):
                figures |= _measure_steps(playwright.chromium, site, file, name)
            figures |= _measure_export(playwright.chromium, site)
            figures["most MB of the site"] = round(site.most_mb())
    return figures


def _measure_steps(chromium: Any, site: SiteProcess, file: Path, name: str) -> dict[str, Any]:
    """Upload and dry run, then the import. Each starts in one browser and is found again in another."""
    figures: dict[str, Any] = {}
    with _signed_in_page(chromium, site) as page:
        page.goto(f"{site.url}/customers/import")
        page.get_by_label("File", exact=True).set_input_files(file)
        began = perf_counter()
        page.get_by_role("button", name="Dry run").click(timeout=LONG_MS)
        expect(page.get_by_role("heading", name="Dry run of movements.csv", level=2)).to_be_visible(timeout=LONG_MS)
        figures[f"{name}: upload, seconds"] = round(perf_counter() - began, 1)
    with _signed_in_page(chromium, site) as page:
        seen = _assert_found_again(page, site, "Dry run of movements.csv")
        button = page.get_by_role("button", name="as opening balances")
        end = page.get_by_text(NOTHING_NEW) if name == "again" else button
        expect(end.first).to_be_visible(timeout=LONG_MS)
        figures |= {f"{name}: dry run, seconds": round(perf_counter() - began, 1), f"{name}: dry run, seen at": seen}
        if name == "again":
            expect(button).to_have_count(0)
            return figures
        began = perf_counter()
        button.click()
        expect(page.get_by_role("heading", name="Import of movements.csv", level=2)).to_be_visible()
    with _signed_in_page(chromium, site) as page:
        seen = _assert_found_again(page, site, "Import of movements.csv")
        said = page.get_by_text(f"{LINES:,} lines recorded as opening balances.")
        expect(said).to_be_visible(timeout=LONG_MS)
    return figures | {f"{name}: import, seconds": round(perf_counter() - began, 1), f"{name}: import, seen at": seen}


def _measure_export(chromium: Any, site: SiteProcess) -> dict[str, Any]:
    with _signed_in_page(chromium, site) as page:
        page.goto(f"{site.url}/customers")
        began = perf_counter()
        page.get_by_role("button", name="Export as CSV").click()
        link = page.get_by_role("link", name="Download the file")
        expect(link).to_be_visible(timeout=LONG_MS)
        with page.expect_download() as saved:
            link.click()
        with saved.value.path().open() as out:
            lines = sum(1 for _ in out) - 1
    return {"customers out, lines": lines, "customers out, seconds": round(perf_counter() - began, 1)}


def _assert_found_again(page: Page, site: SiteProcess, title: str) -> str:
    """Its progress when found in the list of background tasks, and a little later."""
    page.goto(f"{site.url}/system/works")
    page.get_by_role("link", name=title).first.click()
    shown = page.locator(".progress-count")
    before = shown.inner_text()
    if before.startswith(f"{LINES:,} of"):
        return before  # the file is too small to see progress
    expect(shown).not_to_have_text(before)
    return f"{before} … {shown.inner_text()}"


@contextmanager
def _signed_in_page(chromium: Any, site: SiteProcess) -> Iterator[Page]:
    """A new browser, signed in, and closed afterwards."""
    browser: Browser = chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    try:
        page = browser.new_context().new_page()
        page.goto(f"{site.url}/customers")
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        yield page
    finally:
        browser.close()

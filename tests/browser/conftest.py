"""A browser, and sites that it opens."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from pointsync import crypto, db
from pointsync.models import Site
from tests.browser.page_checks import WIDTHS
from tests.browser.sample_settings import filled_settings
from tests.support.process import free_port
from tests.support.site_template import data_folder, reuse_app, site_folder, site_template
from tests.support.wsgi_server import run_server

__all__ = ["data_folder", "filled_settings", "site_folder", "site_template"]

CHROMIUM = "/usr/bin/chromium"
HEADLESS_SHELL = "/usr/bin/chromium-headless-shell"
"""The same engine without its window, which takes a third of the time."""
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]
SETUP_TOKEN = "0123456789abcdef0123456789abcdef"
TIMEOUT_MS = 15_000
BOTH_WIDTHS = pytest.mark.parametrize(
    "width", [pytest.param(WIDTHS[0], marks=pytest.mark.long), WIDTHS[1]], indirect=True
)
"""For a walk that is another one on a phone. `check_page` looks at each page in both widths."""
AXE_WAYS = pytest.mark.parametrize("axe_ways", [2, pytest.param(4, marks=pytest.mark.long)])
"""For a page with parts that are on no other one: in two ways each width and each scheme of colours is seen once."""

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which controls browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium's engine; in its window where Debian's package of the engine alone is not installed."""
    yield from _launch_browser(playwright, HEADLESS_SHELL if os.access(HEADLESS_SHELL, os.X_OK) else CHROMIUM)


@pytest.fixture(scope="session")
def full_chromium(playwright: Playwright) -> Iterator[Browser]:
    """Chromium as people have it, with what its window decides about cookies, frames and the clipboard."""
    yield from _launch_browser(playwright, CHROMIUM)


def _launch_browser(playwright: Playwright, path: str) -> Iterator[Browser]:
    """The Chromium at `path`, until the generator is closed. Without it, tests skip, but in CI they fail."""
    if not os.access(path, os.X_OK):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no Chromium at {path}")
    browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def app(data_folder: Path) -> Iterator[Flask]:
    """A site at its first start, without any admin, with a known one-time link."""
    with reuse_app(data_folder, {}) as app:
        with app.app_context(), db.transaction() as session:
            session.get_one(Site, 1).setup_digest = crypto.sha256_hex(SETUP_TOKEN)
        yield app


@pytest.fixture(scope="session")
def kept_port() -> Iterator[int]:
    """A port that nobody else takes: at the same address, a browser keeps the scripts and styles of the site before."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", free_port()))
        yield keeper.getsockname()[1]


@pytest.fixture
def url(app: Flask, kept_port: int) -> Iterator[str]:
    """The URL at which the site answers."""
    with run_server(app, port=kept_port) as url:
        with app.app_context(), db.transaction() as session:
            session.get_one(Site, 1).served_url = url
        yield url


@pytest.fixture
def width(request: pytest.FixtureRequest) -> int:
    """The width of the window: a desktop's, unless a test asks for `BOTH_WIDTHS`."""
    return int(getattr(request, "param", WIDTHS[-1]))


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[dict[int, BrowserContext]]:
    """A profile of the browser for each width of the window."""
    contexts: dict[int, BrowserContext] = {}
    yield contexts
    for each in contexts.values():
        each.close()


@pytest.fixture
def page(browser: Browser, contexts: dict[int, BrowserContext], width: int, kept_port: int) -> Iterator[Page]:
    """A new page, without cookies and other data. Only scripts and styles are kept from the page before."""
    if width not in contexts:
        contexts[width] = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        contexts[width].set_default_timeout(TIMEOUT_MS)
    page = contexts[width].new_page()
    contexts[width].clear_cookies()
    storage = contexts[width].new_cdp_session(page)
    for host in ("127.0.0.1", "localhost"):
        origin = {"origin": f"http://{host}:{kept_port}", "storageTypes": "local_storage"}
        storage.send("Storage.clearDataForOrigin", origin)
    storage.detach()
    yield page
    page.close()


@pytest.fixture
def page_without_scripts(browser: Browser) -> Iterator[Page]:
    """A page of a browser without scripts."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()

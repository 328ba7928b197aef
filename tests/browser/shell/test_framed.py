"""The panel in a frame of another site's page, over TLS, under a prefix, behind a real nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, FrameLocator, Page, expect
from werkzeug import Request, Response

from pointsync import clock, db
from pointsync.accounts import admins
from tests.admin import sample_remotes
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.navigation import NAME, PASSWORD
from tests.browser.page_checks import axe_violations, check_page
from tests.support import proxies
from tests.support.process import free_port
from tests.support.site_template import open_site, run_in_transaction
from tests.support.wsgi_server import run_server

ROOT = "/back-office/points"
SERVERS = """
server {{
    listen 127.0.0.1:{port} ssl default_server;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    location / {{ proxy_pass {pages}; proxy_set_header Host $http_host; }}
}}
server {{
    listen 127.0.0.1:{port} ssl;
    server_name points.example;
    location {root}/ {{
        proxy_set_header X-Forwarded-User   $http_test_name;
        proxy_set_header X-Forwarded-Prefix {root};
        proxy_set_header X-Forwarded-For    $remote_addr;
        proxy_set_header X-Forwarded-Proto  $scheme;
        proxy_set_header X-Forwarded-Host   $http_host;
        proxy_pass {site};
    }}
}}
"""

CLIPBOARD = "navigator.clipboard.writeText('x').then(() => 'done', (error) => error.name)"


@pytest.fixture
def port() -> int:
    """The port of nginx, which the site needs to know before nginx runs."""
    return free_port()


@pytest.fixture
def app(data_folder: Path, port: int) -> Iterator[Flask]:
    """A site that the shop's back office may show in a frame."""
    settings = {
        "TRUSTED_PROXIES": "127.0.0.1",
        "PROXY_AUTH_HEADER": "X-Forwarded-User",
        "PROXY_AUTH_ADMINS": "alice bob",
        "FRAME_ANCESTORS": f"https://office.example:{port}",
    }
    with open_site(data_folder, **{f"POINTSYNC_{name}": value for name, value in settings.items()}) as app:
        with app.app_context():
            db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
        run_in_transaction(app, sample_remotes.add_remote_of_each_status)
        yield app


@pytest.fixture
def front(app: Flask, port: int, tmp_path: Path) -> Iterator[str]:
    """The panel's URL. Any other host name serves a page that shows the panel in a frame."""
    panel = f"https://points.example:{port}{ROOT}/"

    @Request.application
    def pages(_request: Request) -> Response:
        title, frame = "<title>Back office</title>", f'<iframe title="Points" src="{panel}?embed=1"'
        return Response(f'<!doctype html>{title}<h1>Shop</h1>{frame} width="1200" height="800">', mimetype="text/html")

    cert, key = proxies.certificate(tmp_path / "tls", "points.example", "office.example", "evil.example")
    with run_server(app, behind_proxy=True) as site, run_server(pages) as framing:
        servers = SERVERS.format(port=port, cert=cert, key=key, root=ROOT, site=site, pages=framing)
        with proxies.nginx(tmp_path / "nginx", servers, port):
            yield panel


@pytest.fixture
def page(full_chromium: Browser) -> Iterator[Page]:
    """A window that accepts the test's certificate."""
    context = full_chromium.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def sign_in(where: Page | FrameLocator) -> None:
    """Type name and password."""
    where.get_by_label("Name").fill(NAME)
    where.get_by_label("Password").fill(PASSWORD)
    where.get_by_role("button", name="Sign in").click()


def clipboard_text(page: Page) -> str:
    """The clipboard's text, pasted in another window."""
    elsewhere = page.context.new_page()
    elsewhere.set_content("<label>Here <input></label>")
    elsewhere.get_by_label("Here").focus()
    elsewhere.keyboard.press("Control+V")
    found = elsewhere.get_by_label("Here").input_value()
    elsewhere.close()
    return found


def press_copy(page: Page, where: Page | FrameLocator, label: str) -> str:
    """Press a copy button. Returns the copied text."""
    button = where.get_by_role("button", name=f"Copy {label}", exact=True)
    button.click()
    expect(button).to_contain_text("Copied")
    return clipboard_text(page)


def test_everything_works_in_a_frame_of_an_allowed_site(page: Page, front: str) -> None:
    office = front.replace("points.example", "office.example").partition("/back")[0]
    page.goto(office)
    frame = page.frame_locator("iframe")
    sign_in(frame)
    expect(frame.get_by_role("heading", name="Sites", exact=True)).to_be_visible()
    expect(frame.locator(".header")).to_have_count(0)

    inner = page.frames[1]
    inner.goto(f"{front}system/points-sync?embed=1")
    expect(frame.get_by_role("navigation", name="System")).to_be_visible()
    auth = frame.get_by_label("Your Secret Auth", exact=True).input_value()
    assert axe_violations(inner) == "", "a screen reader finds its way in the frame, too"
    assert inner.evaluate(CLIPBOARD) == "NotAllowedError", "the first way is closed in such a frame"
    assert press_copy(page, frame, "Your Secret Auth") == auth
    assert press_copy(page, frame, "Your Secret Pass").startswith("wrs_"), "asked for, and past the screen"
    inner.evaluate("document.execCommand = () => false")
    frame.get_by_role("button", name="Copy Your Secret Auth").click()
    expect(frame.get_by_role("button", name="Copy Your Secret Auth")).to_contain_text("Press Ctrl+C")
    assert inner.evaluate("getSelection().toString()") == auth

    frame.get_by_role("link", name="Add", exact=True).click()
    expect(frame.get_by_role("dialog")).to_be_visible()
    frame.get_by_role("dialog").get_by_role("link", name="Cancel").last.click()
    frame.get_by_role("textbox", name="Warning Period").fill("9")
    frame.get_by_role("button", name="Save Changes").click()
    expect(frame.get_by_text("Saved.")).to_be_visible()
    frame.get_by_role("link", name="General").first.click()
    expect(frame.get_by_label("Site name")).to_be_visible()
    assert inner.url == f"{front}system/general?embed=1"
    expect(frame.locator(".header")).to_have_count(0)

    kept = {each["name"]: each for each in page.context.cookies()}["pointsync_session"]
    assert (kept["sameSite"], kept["secure"], kept["httpOnly"], kept["path"]) == ("None", True, True, ROOT)
    assert kept["partitionKey"] == "https://office.example"


def test_another_site_cannot_show_it_in_a_frame(page: Page, front: str) -> None:
    console_messages: list[str] = []
    page.on("console", lambda message: console_messages.append(message.text))
    page.goto(front.replace("points.example", "evil.example").partition("/back")[0])
    expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.frames[1].url == "chrome-error://chromewebdata/"
    assert any("frame-ancestors" in text for text in console_messages)


def test_in_its_own_window_under_the_prefix(page: Page, front: str) -> None:
    page.goto(f"{front}system/points-sync")
    sign_in(page)
    expect(page.get_by_role("heading", name="Remote sites")).to_be_visible()
    assert press_copy(page, page, "Your Secret Auth").startswith("wrk_")
    page.goto(f"{front}system/points-sync?embed=1")
    check_page(page, "embedded")

    page.set_extra_http_headers({"Test-Name": "alice"})
    page.goto(f"{front}system/admins")
    expect(page.get_by_role("link", name="Signed in as alice by the shop’s proxy")).to_be_visible()
    check_page(page, "by-proxy")
    page.set_extra_http_headers({"Test-Name": "mallory"})
    page.goto(front)
    expect(page.get_by_text("who is not an admin of this panel")).to_be_visible()
    check_page(page, "by-proxy-no-admin")

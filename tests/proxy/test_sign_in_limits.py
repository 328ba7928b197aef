"""Behind a proxy the limit for sign-ins counts the address that the proxy saw, not the address in the headers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pointsync import clock
from pointsync.admin.auth.rate_limit import RATE_PER_ADDRESS
from tests.proxy.conftest import PREFIX, SETTINGS, Proxy, caddy_changes, nginx_changes
from tests.support import proxies
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import CSRF_FIELD
from tests.support.process import free_port
from tests.support.site_template import open_site
from tests.support.wsgi_server import run_server

MAX_GUESSES = RATE_PER_ADDRESS.per_minute


@pytest.fixture
def by_password(tmp_path: Path) -> Iterator[str]:
    """The URL of a site behind a trusted proxy, whose admins sign in with passwords."""
    settings = {name: value for name, value in SETTINGS.items() if not name.startswith("POINTSYNC_PROXY_AUTH")}
    with open_site(tmp_path / "data", **settings) as app, run_server(app, behind_proxy=True) as url:
        yield url


@pytest.fixture(params=["nginx", "caddy"])
def before(
    request: pytest.FixtureRequest,
    by_password: str,
    back_office_address: str,
    certificate_pair: tuple[Path, Path],
    tmp_path: Path,
) -> Iterator[Proxy]:
    """Each kind of proxy in front of it, with the manual's configuration."""
    port = free_port()
    running: AbstractContextManager[object]
    if request.param == "nginx":
        running = proxies.nginx(
            tmp_path,
            proxies.manual_recipe("nginx", nginx_changes(port, by_password, back_office_address, certificate_pair)),
            port,
        )
    else:
        running = proxies.caddy(
            tmp_path,
            proxies.manual_recipe("caddy", caddy_changes(port, by_password, back_office_address, certificate_pair)),
            port,
        )
    with running:
        yield Proxy(f"https://127.0.0.1:{port}", certificate_pair[0], request.param)


def test_changing_forwarded_headers_allows_no_more_guesses(before: Proxy) -> None:
    browser, url = before.browser(), f"{before.url}{PREFIX}/sign-in"
    found = CSRF_FIELD.search(browser.get(url).text)
    assert found

    def guess(number: int) -> int:
        address = f"198.51.100.{number}"
        typed = {"csrf_token": found[1], "name": f"name-{number}", "password": "wrong horse battery"}
        claimed = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}", "Referer": url}
        return browser.post(url, typed, headers=claimed, allow_redirects=False).status_code

    still = MovingClock(clock.now())
    clock.set_source(still.now)
    try:
        assert [guess(number) for number in range(MAX_GUESSES + 4)] == [422] * MAX_GUESSES + [429] * 4
    finally:
        clock.set_source(None)

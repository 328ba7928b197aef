"""Behind a proxy a guesser is known by the address that the proxy saw, whatever address it claims."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pointsync import clock
from pointsync.admin.auth.rate_limit import PER_ADDRESS
from tests.proxy.conftest import ROOT, SETTINGS, Front, for_caddy, for_nginx
from tests.support import proxies
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import TOKEN
from tests.support.process import free_port
from tests.support.site_template import opened
from tests.support.wsgi_server import served

MOST = PER_ADDRESS.per_minute


@pytest.fixture
def by_password(tmp_path: Path) -> Iterator[str]:
    """Where a site answers whose admins sign in with their passwords, behind a proxy that is trusted."""
    settings = {name: value for name, value in SETTINGS.items() if not name.startswith("POINTSYNC_PROXY_AUTH")}
    with opened(tmp_path / "data", **settings) as app, served(app, behind_proxy=True) as url:
        yield url


@pytest.fixture(params=["nginx", "caddy"])
def before(
    request: pytest.FixtureRequest, by_password: str, office: str, pair: tuple[Path, Path], tmp_path: Path
) -> Iterator[Front]:
    """Each kind of proxy before it, as the README has them."""
    port = free_port()
    running: AbstractContextManager[object]
    if request.param == "nginx":
        running = proxies.nginx(tmp_path, proxies.recipe("nginx", for_nginx(port, by_password, office, pair)), port)
    else:
        running = proxies.caddy(tmp_path, proxies.recipe("caddy", for_caddy(port, by_password, office, pair)), port)
    with running:
        yield Front(f"https://127.0.0.1:{port}", pair[0], request.param)


def test_turning_a_forwarded_header_gives_no_more_guesses(before: Front) -> None:
    browser, url = before.browser(), f"{before.url}{ROOT}/sign-in"
    found = TOKEN.search(browser.get(url).text)
    assert found

    def guess(number: int) -> int:
        address = f"198.51.100.{number}"
        typed = {"csrf_token": found[1], "name": f"name-{number}", "password": "wrong horse battery"}
        claimed = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}", "Referer": url}
        return browser.post(url, typed, headers=claimed, allow_redirects=False).status_code

    still = MovingClock(clock.now())
    clock.set_source(still.now)
    try:
        assert [guess(number) for number in range(MOST + 4)] == [422] * MOST + [429] * 4
    finally:
        clock.set_source(None)

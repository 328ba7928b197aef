"""A site with data on every page, a shop's back office, and proxies in front of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug import Request, Response

from pointsync import clock
from pointsync.accounts import admins, api_keys
from pointsync.exports import export_task
from pointsync.ledger import reserves
from pointsync.ledger.rewards import rewards
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import blocked_origins
from tests.admin import sample_customers, sample_hooks
from tests.support import proxies
from tests.support.panel_client import NAME, PASSWORD
from tests.support.process import free_port
from tests.support.site_template import open_site, run_in_transaction
from tests.support.wsgi_server import run_server

PREFIX = "/back-office/points"
SETTINGS = {
    "POINTSYNC_PUBLIC_URL": "https://shop.example/points",
    "POINTSYNC_TRUSTED_PROXIES": "127.0.0.1",
    "POINTSYNC_PROXY_AUTH_HEADER": "X-Forwarded-User",
    "POINTSYNC_PROXY_AUTH_ADMINS": "alice bob",
}
RECIPE_SITE_URL, RECIPE_BACK_OFFICE = "http://127.0.0.1:8080", "127.0.0.1:9000"
"""The addresses of the site and of the shop's back office in the manual's recipes."""


@Request.application
def back_office(request: Request) -> Response:
    """The shop's back office. A browser with its cookie is signed in."""
    if request.path != "/back-office/whoami":
        return Response("Not here.", 404)
    name = request.cookies.get("shop")
    return Response("", 200, {"X-User": name}) if name else Response("", 401)


@dataclass
class Proxy:
    """A proxy as a browser sees it."""

    url: str
    certificate: Path
    kind: str

    def browser(self, name: str | None = "alice") -> requests.Session:
        """A browser with the shop's cookie for `name`, or without a cookie."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.certificate)
        if name:
            session.cookies.set("shop", name)
        return session


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A site behind a proxy, with data on every page."""
    with open_site(tmp_path_factory.mktemp("site"), **SETTINGS) as app:
        sample_customers.create_customer_history(app)
        hook = sample_hooks.create_hook(app)
        run_in_transaction(
            app,
            lambda session: sample_hooks.add_hook_delivery(session, hook, "order.updated", "recorded", "+25 points."),
        )
        run_in_transaction(app, lambda session: api_keys.create(session, "till", clock.now()))
        run_in_transaction(app, lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
        run_in_transaction(app, lambda session: admins.create(session, "Bob", PASSWORD, clock.now()))
        run_in_transaction(app, _add_rows)
        yield app


def _add_rows(session: Session) -> None:
    """Add a reward, a blocked site and a waiting export."""
    rewards.create(session, reserves.get(session, "default"), "Mug", "A blue one", 20, clock.now())
    blocked_origins.block(session, "wrk_0000000000000001", "Sold", NAME, clock.now())
    export_task.enqueue(session, get_runtime().config.data, export_task.filter_customers(session), NAME, clock.now())


@pytest.fixture(scope="session")
def direct_url(app: Flask) -> Iterator[str]:
    """The URL of the site itself, for proxies and for callers past them."""
    with run_server(app, behind_proxy=True) as url:
        yield url


@pytest.fixture(scope="session")
def back_office_address() -> Iterator[str]:
    """The shop's back office, as host and port."""
    with run_server(back_office) as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="session")
def certificate_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    return proxies.certificate(tmp_path_factory.mktemp("tls"), "shop.example")


@pytest.fixture(scope="session")
def nginx(
    direct_url: str,
    back_office_address: str,
    certificate_pair: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """nginx with the manual's configuration: the prefix stays in the path."""
    port = free_port()
    servers = proxies.manual_recipe("nginx", nginx_changes(port, direct_url, back_office_address, certificate_pair))
    with proxies.nginx(tmp_path_factory.mktemp("nginx"), servers, port):
        yield Proxy(f"https://127.0.0.1:{port}", certificate_pair[0], "nginx")


@pytest.fixture(scope="session")
def nginx_stripping(
    direct_url: str,
    back_office_address: str,
    certificate_pair: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """The same, but it removes the prefix, because of a slash after the site's address."""
    port = free_port()
    servers = proxies.manual_recipe("nginx", nginx_changes(port, direct_url, back_office_address, certificate_pair))
    servers = servers.replace(f"proxy_pass {direct_url};", f"proxy_pass {direct_url}/;", 1)
    with proxies.nginx(tmp_path_factory.mktemp("stripping"), servers, port):
        yield Proxy(f"https://127.0.0.1:{port}", certificate_pair[0], "nginx_stripping")


@pytest.fixture(scope="session")
def caddy(
    direct_url: str,
    back_office_address: str,
    certificate_pair: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """Caddy with the manual's configuration."""
    port = free_port()
    site = proxies.manual_recipe("caddy", caddy_changes(port, direct_url, back_office_address, certificate_pair))
    with proxies.caddy(tmp_path_factory.mktemp("caddy"), site, port):
        yield Proxy(f"https://127.0.0.1:{port}", certificate_pair[0], "caddy")


@pytest.fixture(params=["nginx", "nginx_stripping", "caddy"])
def proxy(request: pytest.FixtureRequest) -> Any:
    """Each of the proxies."""
    return request.getfixturevalue(request.param)


def nginx_changes(port: int, direct: str, office: str, pair: tuple[Path, Path]) -> dict[str, str]:
    """What the tests change in the nginx recipe."""
    return {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/shop.example.pem": str(pair[0]),
        "/etc/ssl/shop.example.key": str(pair[1]),
        RECIPE_SITE_URL: direct,
        f"http://{RECIPE_BACK_OFFICE}": f"http://{office}",
    }


def caddy_changes(port: int, direct: str, office: str, pair: tuple[Path, Path]) -> dict[str, str]:
    """What the tests change in the Caddy recipe."""
    return {
        "shop.example {": f"https://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\ttls {pair[0]} {pair[1]}",
        "127.0.0.1:8080": direct.removeprefix("http://"),
        RECIPE_BACK_OFFICE: office,
    }

"""A site with something on every page, a shop's back office, and proxies before both."""

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
from pointsync.runtime import runtime
from pointsync.sync.remotes import blocked_origins
from tests.admin import sample_customers, sample_hooks
from tests.support import proxies
from tests.support.panel_client import NAME, PASSWORD
from tests.support.process import free_port
from tests.support.site_template import change, opened
from tests.support.wsgi_server import served

ROOT = "/back-office/points"
SETTINGS = {
    "POINTSYNC_PUBLIC_URL": "https://shop.example/points",
    "POINTSYNC_TRUSTED_PROXIES": "127.0.0.1",
    "POINTSYNC_PROXY_AUTH_HEADER": "X-Forwarded-User",
    "POINTSYNC_PROXY_AUTH_ADMINS": "alice bob",
}
OURS, OFFICE = "http://127.0.0.1:8080", "127.0.0.1:9000"
"""Where the README's recipes have the site and the shop's back office."""


@Request.application
def back_office(request: Request) -> Response:
    """The shop's own: whoever has its cookie is signed in there."""
    if request.path != "/back-office/whoami":
        return Response("Not here.", 404)
    name = request.cookies.get("shop")
    return Response("", 200, {"X-User": name}) if name else Response("", 401)


@dataclass
class Front:
    """A proxy as a browser sees it."""

    url: str
    certificate: Path
    kind: str

    def browser(self, name: str | None = "alice") -> requests.Session:
        """One with the shop's cookie for `name`, or without."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.certificate)
        if name:
            session.cookies.set("shop", name)
        return session


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A site behind a proxy, with something on every page."""
    with opened(tmp_path_factory.mktemp("site"), **SETTINGS) as app:
        sample_customers.fill_history(app)
        hook = sample_hooks.made(app)
        change(app, lambda session: sample_hooks.deliver(session, hook, "order.updated", "recorded", "+25 points."))
        change(app, lambda session: api_keys.create(session, "till", clock.now()))
        change(app, lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
        change(app, lambda session: admins.create(session, "Bob", PASSWORD, clock.now()))
        change(app, _fill)
        yield app


def _fill(session: Session) -> None:
    """A reward, a site that is blocked, an export that waits."""
    rewards.add(session, reserves.get(session, "default"), "Mug", "A blue one", 20, clock.now())
    blocked_origins.block(session, "wrk_0000000000000001", "Sold", NAME, clock.now())
    export_task.ask(session, runtime().config.data, export_task.customer_rows(session), NAME, clock.now())


@pytest.fixture(scope="session")
def direct(app: Flask) -> Iterator[str]:
    """Where the site answers, for proxies and for whoever goes past them."""
    with served(app, behind_proxy=True) as url:
        yield url


@pytest.fixture(scope="session")
def office() -> Iterator[str]:
    """The shop's back office, as host and port."""
    with served(back_office) as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    return proxies.certificate(tmp_path_factory.mktemp("tls"), "shop.example")


@pytest.fixture(scope="session")
def nginx(
    direct: str, office: str, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """nginx, as the README has it: the prefix stays in the path."""
    port = free_port()
    servers = proxies.recipe("nginx", for_nginx(port, direct, office, pair))
    with proxies.nginx(tmp_path_factory.mktemp("nginx"), servers, port):
        yield Front(f"https://127.0.0.1:{port}", pair[0], "nginx")


@pytest.fixture(scope="session")
def stripping(
    direct: str, office: str, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """The same, but it takes the prefix off: a slash behind the site's address does that."""
    port = free_port()
    servers = proxies.recipe("nginx", for_nginx(port, direct, office, pair))
    servers = servers.replace(f"proxy_pass {direct};", f"proxy_pass {direct}/;", 1)
    with proxies.nginx(tmp_path_factory.mktemp("stripping"), servers, port):
        yield Front(f"https://127.0.0.1:{port}", pair[0], "stripping")


@pytest.fixture(scope="session")
def caddy(
    direct: str, office: str, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """Caddy, as the README has it."""
    port = free_port()
    site = proxies.recipe("caddy", for_caddy(port, direct, office, pair))
    with proxies.caddy(tmp_path_factory.mktemp("caddy"), site, port):
        yield Front(f"https://127.0.0.1:{port}", pair[0], "caddy")


@pytest.fixture(params=["nginx", "stripping", "caddy"])
def front(request: pytest.FixtureRequest) -> Any:
    """Each of the proxies in turn."""
    return request.getfixturevalue(request.param)


def for_nginx(port: int, direct: str, office: str, pair: tuple[Path, Path]) -> dict[str, str]:
    """What of the nginx recipe is otherwise here."""
    return {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/shop.example.pem": str(pair[0]),
        "/etc/ssl/shop.example.key": str(pair[1]),
        OURS: direct,
        f"http://{OFFICE}": f"http://{office}",
    }


def for_caddy(port: int, direct: str, office: str, pair: tuple[Path, Path]) -> dict[str, str]:
    """And of the Caddy recipe."""
    return {
        "shop.example {": f"https://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\ttls {pair[0]} {pair[1]}",
        "127.0.0.1:8080": direct.removeprefix("http://"),
        OFFICE: office,
    }

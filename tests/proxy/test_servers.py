"""TrustedProxyMiddleware is in front of the application with every server."""

import socket
from http.client import HTTPConnection
from pathlib import Path

from pointsync.web.trusted_proxy import TrustedProxyMiddleware
from tests.proxy.conftest import PREFIX, SETTINGS
from tests.support.process import HttpAnswer, SiteProcess, call
from tests.support.site_template import open_site
from tests.support.wsgi_server import run_server

PROXY_HEADERS = {"X-Forwarded-User": "alice", "X-Forwarded-Prefix": PREFIX, "X-Forwarded-Proto": "https"}


class UnixConnection(HTTPConnection):
    """A connection through the Unix socket at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def test_serve_believes_a_trusted_proxy(tmp_path: Path) -> None:
    with SiteProcess(tmp_path / "data", env=SETTINGS) as site:
        page = call("GET", f"{site.url}{PREFIX}/", headers=PROXY_HEADERS)
        assert page.status == 200
        assert "<bdi>alice</bdi>" in page.body
        assert f'href="{PREFIX}/customers"' in page.body
        assert f"Path={PREFIX};" in page.headers["Set-Cookie"]
        assert call("GET", f"{site.url}/", headers={"X_Forwarded_User": "alice"}).headers["Location"] == "/sign-in"
        assert call("GET", f"{site.url}/healthz", headers=PROXY_HEADERS).status == 200


def test_callers_of_a_unix_socket_are_trusted_when_configured(tmp_path: Path) -> None:
    def ask(trusted: str) -> HttpAnswer:
        path = tmp_path / f"{trusted}.sock"
        folder = tmp_path / trusted
        with open_site(folder, **SETTINGS | {"POINTSYNC_TRUSTED_PROXIES": trusted}) as app:
            assert isinstance(app.wsgi_app, TrustedProxyMiddleware)
            with run_server(app, behind_proxy=True, unix_socket=path):
                connection = UnixConnection(path)
                connection.request("GET", "/", headers=PROXY_HEADERS)
                answer = connection.getresponse()
                found = HttpAnswer(answer.status, answer.read().decode(), answer.headers)
                connection.close()
        return found

    assert ask("unix").status == 200
    assert ask("127.0.0.1").headers["Location"] == "/sign-in"

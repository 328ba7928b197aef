"""The gate stands before the application whichever way it is served."""

import socket
from http.client import HTTPConnection
from pathlib import Path

from pointsync.web.trusted_proxy import Gate
from tests.proxy.conftest import ROOT, SETTINGS
from tests.support.process import Answer, SiteProcess, call
from tests.support.site_template import opened
from tests.support.wsgi_server import served

TOLD = {"X-Forwarded-User": "alice", "X-Forwarded-Prefix": ROOT, "X-Forwarded-Proto": "https"}


class UnixConnection(HTTPConnection):
    """A connection by the socket at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def test_serve_lets_a_trusted_proxy_tell(tmp_path: Path) -> None:
    with SiteProcess(tmp_path / "data", env=SETTINGS) as site:
        page = call("GET", f"{site.url}{ROOT}/", headers=TOLD)
        assert page.status == 200
        assert "<bdi>alice</bdi>" in page.body
        assert f'href="{ROOT}/customers"' in page.body
        assert f"Path={ROOT};" in page.headers["Set-Cookie"]
        assert call("GET", f"{site.url}/", headers={"X_Forwarded_User": "alice"}).headers["Location"] == "/sign-in"
        assert call("GET", f"{site.url}/healthz", headers=TOLD).status == 200


def test_by_a_unix_socket_whoever_may_use_it_is_trusted_if_so_set(tmp_path: Path) -> None:
    def ask(trusted: str) -> Answer:
        path = tmp_path / f"{trusted}.sock"
        folder = tmp_path / trusted
        with opened(folder, **SETTINGS | {"POINTSYNC_TRUSTED_PROXIES": trusted}) as app:
            assert isinstance(app.wsgi_app, Gate)
            with served(app, behind_proxy=True, unix_socket=path):
                connection = UnixConnection(path)
                connection.request("GET", "/", headers=TOLD)
                answer = connection.getresponse()
                found = Answer(answer.status, answer.read().decode(), answer.headers)
                connection.close()
        return found

    assert ask("unix").status == 200
    assert ask("127.0.0.1").headers["Location"] == "/sign-in"

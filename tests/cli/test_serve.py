"""`serve` and `worker`: how they start, and how they stop."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pointsync import db
from tests.cli.command_batch import run_commands
from tests.support.panel_client import CSRF_FIELD
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess, call, free_port, wait_until

LINK = re.compile(r"http://\S+/setup/[0-9a-f]{32}")


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[SiteProcess]:
    """A running site, for a test that stops it."""
    with SiteProcess(tmp_path / "own") as running:
        yield running


def test_it_prints_a_link_until_there_is_an_admin(own_site: SiteProcess) -> None:
    [first] = LINK.findall(own_site.log_tail())
    assert first.startswith(f"{own_site.url}/setup/")
    own_site.is_forked = False  # once as users start it: `python -m pointsync serve`
    own_site.restart()
    assert len(set(LINK.findall(own_site.log_tail()))) == 2
    run_commands(own_site, [("admin", "create", "joe", "--password-stdin")], "a long password\n")
    own_site.restart()
    assert len(LINK.findall(own_site.log_tail())) == 2
    assert "Traceback" not in own_site.log_tail()


def test_data_commands_work_while_it_runs(served: SiteProcess) -> None:
    hook = ("hook", "add", "a", "--secret", "s", "--reserve", "default")
    commands = [("site", "--secrets"), hook, ("record", "alice@example.com", "5"), ("balance", "alice@example.com")]
    site, added, recorded, balance = run_commands(served, [(*each, "--json") for each in commands])
    assert site.json["url"] == served.url
    assert site.json["sharing_key"].startswith(f"127.0.0.1:{served.port}|wrk_")
    assert added.json["url"].startswith(f"{served.url}/hooks/")
    assert recorded.json["balance"] == 5
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]


def test_a_call_in_flight_is_answered_before_the_end(own_site: SiteProcess) -> None:
    assert own_site.process
    key = own_site.cli("key", "create", "shop")["key"]
    body = json.dumps({"customer": "alice@example.com", "points": 5}).encode()
    head = (
        f"POST /api/v1/movements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", own_site.port), timeout=20) as connection:
        connection.sendall(head.encode() + body[:10])
        # When this call is answered, the first half of the body has arrived.
        assert own_site.api("GET", "/healthz").status == 200
        own_site.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _listens(own_site.port), 5, "no new connection is accepted")
        connection.sendall(body[10:])
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")
    assert own_site.process.wait(10) == 0
    with pytest.raises(OSError, match="refused"):
        call("GET", f"{own_site.url}/healthz")


def test_a_port_in_use_is_one_line_and_creates_no_database(served: SiteProcess, tmp_path: Path) -> None:
    other = SiteProcess(tmp_path / "other", port=served.port)
    done = other.run("serve", "--port", str(served.port))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"Port {served.port}" in done.stderr
    assert not (other.data_dir / "pointsync.db").exists()


def test_json_is_one_document_and_logs_are_json_lines(tmp_path: Path) -> None:
    port = free_port()
    site = SiteProcess(
        tmp_path, env={"POINTSYNC_LOG_FORMAT": "json", "POINTSYNC_PUBLIC_URL": "https://mugs.example/x/"}
    )
    process = _start(site, "serve", "--port", str(port), "--json")
    wait_until(lambda: _listens(port), 30, "it listens")
    assert call("GET", f"http://127.0.0.1:{port}/healthz").status == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    document = json.loads(out)
    assert process.returncode == 0
    assert document["url"] == "https://mugs.example/x"
    assert document["setup_url"].startswith("https://mugs.example/x/setup/")
    events = [json.loads(line) for line in err.splitlines()]
    assert [(each["level"], each["message"].split(",")[0]) for each in events] == [
        ("info", "the database was upgraded from nothing to " + db.SCHEMA_VERSION),
        ("info", "a new run begins at call 1"),
        *(("info", f"serve {what}") for what in ("started", "is stopping", "stopped")),
    ]


def test_an_admin_may_upload_what_is_too_large_for_a_stranger(own_site: SiteProcess) -> None:
    own_site.cli("admin", "create", "joe", "--password-stdin", input="a long password\n")
    form, size = f"{own_site.url}/customers/import", 17 * 1024 * 1024
    with requests.Session() as stranger, requests.Session() as joe:
        sign_in_url = f"{own_site.url}/sign-in"
        for browser in (stranger, joe):
            token = CSRF_FIELD.search(browser.get(sign_in_url, timeout=30).text)
            assert token
        joe.post(sign_in_url, {"csrf_token": token[1], "name": "joe", "password": "a long password"}, timeout=30)
        file = {"file": ("points.csv", b"email;points\n" + b"anna@x.example;1\n" * (size // 17))}
        token = CSRF_FIELD.search(joe.get(form, timeout=30).text)
        assert token
        fields = {"csrf_token": token[1], "kind": "opening", "reserve": "default"}
        answer = joe.post(form, fields, files=file, timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/system/works/1")
    for cookie in ("", "; ".join(f"{name}={value}" for name, value in stranger.cookies.items())):
        with socket.create_connection(("127.0.0.1", own_site.port), timeout=20) as connection:
            head = f"POST /customers/import HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(12) == b"HTTP/1.1 413", "before anything is sent"


def test_a_worker_beside_a_site_without_scheduler(tmp_path: Path) -> None:
    with SiteProcess(tmp_path, env={"POINTSYNC_SCHEDULER": "off"}) as site:
        done = site.run("worker")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "POINTSYNC_SCHEDULER" in done.stderr
        worker = _start(SiteProcess(tmp_path), "worker")
        wait_until(lambda: site.api("GET", "/healthz").body.get("heartbeat_age_seconds") is not None, 30, "it runs")
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=10)
        assert worker.returncode == 0
        assert [line.split(" INFO ")[1].split(",")[0] for line in err.splitlines()] == [
            f"pointsync.cli.server.lifecycle_log: worker {what}" for what in ("started", "is stopping", "stopped")
        ]
        assert "worker" in out


def _start(site: SiteProcess, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*site.command, *args],
        cwd=CHECKOUT,
        env=site.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True

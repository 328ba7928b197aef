"""Secrets that can be recognised, looked for wherever a site says or keeps something: none stands there in clear."""

import base64
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from urllib.parse import quote, quote_plus

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.sync.delivery import courier
from pointsync.sync.site import local_site
from pointsync.tasks import runner
from tests.admin.shell.test_route_access import sample_path
from tests.support.panel_client import PASSWORD, PanelClient
from tests.support.scripted_server import ScriptedServer, StartServer, serve

__all__ = ["serve"]

MAIL_PASSWORD = "canary/of=the+mail@password"
REMOTE_PASS = "wrs_c0ffee15c0ffee15"
HOOK_SECRET = "canary&of the hook"

Answers = dict[str, bytes]


@pytest.fixture
def settings() -> dict[str, str]:
    return {
        "POINTSYNC_SMTP_URL": f"smtp://shop:{quote(MAIL_PASSWORD, safe='')}@127.0.0.1:1",
        "POINTSYNC_PUBLIC_URL": "https://points.shop.example",
    }


@pytest.fixture
def echoing_remote(serve: StartServer) -> ScriptedServer:
    """A remote that says all it was told, in its headers and in what they announce."""

    def repeat(server: ScriptedServer, connection) -> None:
        while request := server.read(connection):
            auth = b"".join(line for line in request.split(b"\r\n") if line.lower().startswith(b"authorization"))
            body = b"<p>" + request[-20_000:] + b"</p>"
            code = b"404" if b" /pointsync/" in request else b"500"  # so that it is asked in the other dialect, too
            head = b"HTTP/1.1 %b %b\r\nX-Told: %b\r\nContent-Length: %d\r\n\r\n" % (
                code,
                auth,
                auth,
                len(body),
            )
            connection.sendall(head + body)

    return serve(repeat)


def test_no_secret_is_said_or_kept_in_clear(
    app: Flask, data_folder: Path, ada: PanelClient, echoing_remote: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: Answers = {}
    with app.app_context():
        key = db.run_in_transaction(lambda session: api_keys.create(session, "shop", clock.now()))[1]
        own = local_site.load_identity(db.session(), get_runtime().vault, get_runtime().config, clock.now())
        private_key = get_runtime().vault.decrypt(db.session().get_one(Site, 1).sealed_private_key)
    secrets = {
        "our Pass": own.passes[0],
        "our private key": private_key,
        "a remote's Pass": REMOTE_PASS,
        "a hook's secret": HOOK_SECRET,
        "an API key": key,
        "a password": PASSWORD,
        "the mail server's password": MAIL_PASSWORD,
        "the secret key": generated_secret_key(data_folder),
        "a session": ada.cookie(),
    }
    submit_forms(ada, echoing_remote, heard)
    call_apis(app, key, heard)
    run_exports(ada)
    with app.app_context():
        courier.deliver(1, Event())
        ticks.check_remotes()
        while runner.run_next(TASK_FUNCTIONS, get_runtime().config.data, "w", Event()):
            pass
        db.session.remove()
    visit_pages(app, ada, heard)
    assert any(b"Basic " in request for request in echoing_remote.requests), "the remote was told its Pass"
    shown = ada.send("/system/points-sync/secrets/pass", page="/system/points-sync")
    assert secrets["our Pass"].encode() in shown.data, "it is shown where an admin asks for it"
    heard["the log"] = caplog.text.encode()
    for path in data_folder.rglob("*"):
        if path.is_file() and path.name != "secret_key":
            heard[str(path.relative_to(data_folder))] = path.read_bytes()
    found = [
        f"{what}, {how}, in {where}"
        for where, text in heard.items()
        for what, secret in secrets.items()
        for how, spelled in encodings_of(secret)
        if spelled in text
    ]
    assert found == []


def generated_secret_key(data: Path) -> str:
    """What the site has made for itself, in the one file that may hold it."""
    return (data / "secret_key").read_text().strip()


def submit_forms(ada: PanelClient, parrot: ScriptedServer, heard: Answers) -> None:
    """What an admin types, right and wrong."""
    line = {"url": parrot.url, "auth": "wrk_0123456789abcdef", "pass": REMOTE_PASS, "password": REMOTE_PASS}
    add = "/system/points-sync/remotes/add"
    pasted = f"127.0.0.1:{parrot.port}|wrk_0123456789abcdef:{REMOTE_PASS}"
    both = {"target": "default", "observed": "default", "backfill": "new"}
    heard["a line with a wrong URL"] = ada.send(add, **(line | both | {"url": "no url"})).data
    heard["a line pasted wrong"] = ada.send(add, **both, sharing_key=f"{pasted}x x", url="").data
    saved = ada.send(add, **both, sharing_key=pasted, url=parrot.url)
    assert saved.status_code == 303, saved.text
    hook = {"name": "orders", "secret": HOOK_SECRET, "reserve": "default", "rate": "1", "status": "completed"}
    heard["a hook with a wrong rate"] = ada.send("/system/woocommerce/add", **(hook | {"rate": "x"})).data
    heard["a hook"] = ada.send("/system/woocommerce/add", **hook).data
    heard["a guess"] = PanelClient(ada.client.application).sign_in(password=f"{PASSWORD} ").data
    change = {"old": PASSWORD, "password": PASSWORD, "again": "another one"}
    heard["a password that is not changed"] = ada.send("/system/admins/password", **change).data


def call_apis(app: Flask, key: str, heard: Answers) -> None:
    """What machines ask, right and wrong."""
    shop = app.test_client()
    mine = {"Authorization": f"Bearer {key}"}
    made = shop.post("/api/v1/movements", headers=mine, json={"customer": "a@shop.test", "points": 5})
    assert made.status_code == 201
    for path in ("/metrics", "/api/v1/remotes", "/api/v1/customers/a@shop.test", "/api/v1/openapi.json", "/api/docs"):
        heard[path] = shop.get(path, headers=mine).data
    heard["a wrong key"] = shop.get("/api/v1/remotes", headers={"Authorization": f"Bearer {key}x"}).data
    heard["rubbish"] = shop.post("/api/v1/movements", headers=mine, data=key).data
    for path in ("movements", "ping"):
        heard[path] = shop.post(f"/pointsync/v1/{path}", headers={"webhook-signature": f"v1,{REMOTE_PASS}"}).data


def run_exports(ada: PanelClient) -> None:
    """What goes out in files, in the background."""
    for path in ("/customers/export", "/customers/1/export", "/system/activity/export"):
        assert ada.send(path, page="/customers").status_code == 303


def visit_pages(app: Flask, ada: PanelClient, heard: Answers) -> None:
    """Every page of the panel, and what it leads to."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ()):
            path = sample_path(rule.rule).replace("a@shop.test", "1")
            answer = ada.get(path)
            assert answer.status_code < 500, path
            heard[path] = answer.data + str(answer.headers).encode()


def encodings_of(secret: str) -> Iterator[tuple[str, bytes]]:
    """The ways in which it could stand somewhere."""
    raw = secret.encode()
    yield "plain", raw
    yield "in hex", raw.hex().encode()
    yield "quoted", quote(secret, safe="").encode()
    yield "quoted with +", quote_plus(secret).encode()
    with contextlib.suppress(ValueError):
        yield "its bytes", base64.b64decode(secret, validate=True)
    for before in range(3):  # wherever it begins among the bytes that are written together
        text = base64.b64encode(b"x" * before + raw).decode().rstrip("=")
        yield f"in base64, {before} bytes in", text[(before * 4 + 2) // 3 : -3].encode()

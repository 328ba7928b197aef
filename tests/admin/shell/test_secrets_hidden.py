"""Known secrets are searched for in everything that a site sends, logs and stores: none is there in plain text."""

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
from pointsync.schedule import remote_ticks
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.sync.delivery.deliver import deliver
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
    """A remote that echoes the requests in its headers and bodies."""

    def repeat(server: ScriptedServer, connection) -> None:
        while request := server.read(connection):
            auth = b"".join(line for line in request.split(b"\r\n") if line.lower().startswith(b"authorization"))
            body = b"<p>" + request[-20_000:] + b"</p>"
            code = b"404" if b" /pointsync/" in request else b"500"  # 404, so that the other dialect is tried, too.
            head = b"HTTP/1.1 %b %b\r\nX-Told: %b\r\nContent-Length: %d\r\n\r\n" % (
                code,
                auth,
                auth,
                len(body),
            )
            connection.sendall(head + body)

    return serve(repeat)


def test_no_secret_is_sent_or_stored_in_plain_text(
    app: Flask, data_folder: Path, ada: PanelClient, echoing_remote: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: Answers = {}
    with app.app_context():
        key = db.run_in_transaction(lambda session: api_keys.create(session, "shop", clock.now()))[1]
        identity = local_site.load_identity(db.session(), get_runtime().vault, get_runtime().config, clock.now())
        private_key = get_runtime().vault.decrypt(db.session().get_one(Site, 1).sealed_private_key)
    secrets = {
        "this site's Pass": identity.passes[0],
        "this site's private key": private_key,
        "a remote's Pass": REMOTE_PASS,
        "a hook's secret": HOOK_SECRET,
        "an API key": key,
        "a password": PASSWORD,
        "the mail server's password": MAIL_PASSWORD,
        "the secret key": generated_secret_key(data_folder),
        "a session": ada.cookie(),
    }
    submit_forms(ada, echoing_remote, answers)
    call_apis(app, key, answers)
    run_exports(ada)
    with app.app_context():
        deliver(1, Event())
        remote_ticks.check_remotes()
        while runner.run_next(TASK_FUNCTIONS, get_runtime().config.data, "w", Event()):
            pass
        db.session.remove()
    visit_pages(app, ada, answers)
    assert any(b"Basic " in request for request in echoing_remote.requests), "the remote got its Pass"
    shown = ada.send("/system/points-sync/secrets/pass", page="/system/points-sync")
    assert secrets["this site's Pass"].encode() in shown.data, "it is shown when an admin requests it"
    answers["the log"] = caplog.text.encode()
    for path in data_folder.rglob("*"):
        if path.is_file() and path.name != "secret_key":
            answers[str(path.relative_to(data_folder))] = path.read_bytes()
    found = [
        f"{what}, {how}, in {where}"
        for where, text in answers.items()
        for what, secret in secrets.items()
        for how, spelled in encodings_of(secret)
        if spelled in text
    ]
    assert found == []


def generated_secret_key(data: Path) -> str:
    """The generated key, in the only file that may contain it."""
    return (data / "secret_key").read_text().strip()


def submit_forms(ada: PanelClient, remote: ScriptedServer, answers: Answers) -> None:
    """Send forms of the panel, valid and invalid."""
    typed = {"url": remote.url, "auth": "wrk_0123456789abcdef", "pass": REMOTE_PASS, "password": REMOTE_PASS}
    add = "/system/points-sync/remotes/add"
    pasted = f"127.0.0.1:{remote.port}|wrk_0123456789abcdef:{REMOTE_PASS}"
    both = {"target": "default", "observed": "default", "backfill": "new"}
    answers["a remote with a wrong URL"] = ada.send(add, **(typed | both | {"url": "no url"})).data
    answers["a remote with a wrong sharing key"] = ada.send(add, **both, sharing_key=f"{pasted}x x", url="").data
    saved = ada.send(add, **both, sharing_key=pasted, url=remote.url)
    assert saved.status_code == 303, saved.text
    hook = {"name": "orders", "secret": HOOK_SECRET, "reserve": "default", "rate": "1", "status": "completed"}
    answers["a hook with a wrong rate"] = ada.send("/system/woocommerce/add", **(hook | {"rate": "x"})).data
    answers["a hook"] = ada.send("/system/woocommerce/add", **hook).data
    answers["a wrong password"] = PanelClient(ada.client.application).sign_in(password=f"{PASSWORD} ").data
    change = {"old": PASSWORD, "password": PASSWORD, "again": "another one"}
    answers["a password that is not changed"] = ada.send("/system/admins/password", **change).data


def call_apis(app: Flask, key: str, answers: Answers) -> None:
    """Send API requests, valid and invalid."""
    shop = app.test_client()
    headers = {"Authorization": f"Bearer {key}"}
    answer = shop.post("/api/v1/movements", headers=headers, json={"customer": "a@shop.test", "points": 5})
    assert answer.status_code == 201
    for path in ("/metrics", "/api/v1/remotes", "/api/v1/customers/a@shop.test", "/api/v1/openapi.json", "/api/docs"):
        answers[path] = shop.get(path, headers=headers).data
    answers["a wrong key"] = shop.get("/api/v1/remotes", headers={"Authorization": f"Bearer {key}x"}).data
    answers["garbage"] = shop.post("/api/v1/movements", headers=headers, data=key).data
    for path in ("movements", "ping"):
        answers[path] = shop.post(f"/pointsync/v1/{path}", headers={"webhook-signature": f"v1,{REMOTE_PASS}"}).data


def run_exports(ada: PanelClient) -> None:
    """Start all exports."""
    for path in ("/customers/export", "/customers/1/export", "/system/activity/export"):
        assert ada.send(path, page="/customers").status_code == 303


def visit_pages(app: Flask, ada: PanelClient, answers: Answers) -> None:
    """Open every page of the panel."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ()):
            path = sample_path(rule.rule).replace("a@shop.test", "1")
            answer = ada.get(path)
            assert answer.status_code < 500, path
            answers[path] = answer.data + str(answer.headers).encode()


def encodings_of(secret: str) -> Iterator[tuple[str, bytes]]:
    """The secret in every encoding in which it could appear."""
    raw = secret.encode()
    yield "plain", raw
    yield "in hex", raw.hex().encode()
    yield "quoted", quote(secret, safe="").encode()
    yield "quoted with +", quote_plus(secret).encode()
    with contextlib.suppress(ValueError):
        yield "its bytes", base64.b64decode(secret, validate=True)
    for before in range(3):  # Base64 depends on where the secret begins in the data.
        text = base64.b64encode(b"x" * before + raw).decode().rstrip("=")
        yield f"in base64, {before} bytes in", text[(before * 4 + 2) // 3 : -3].encode()

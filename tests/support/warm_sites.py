"""Uses two sites once, so that what SQLAlchemy, Jinja and Click prepare at the first use is there for all processes
that are forked from this one: it is half of what a command does, and much of what a site does in its first seconds."""

import contextlib
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from pointsync import config, create_app, db, startup
from pointsync.runtime import get_runtime
from pointsync.schedule.scheduler import SCHEDULE
from pointsync.sync.delivery.deliver import deliver
from tests.support.process import free_port
from tests.support.wsgi_server import run_server

CUSTOMER = "ada@example.com"
READING_COMMANDS = (
    *(("site",), ("remote", "list"), ("verify",), ("setting", "list"), ("origin", "list"), ("customer", "erasures")),
    *(("balance", CUSTOMER), ("history", CUSTOMER), ("remote", "differences", "1"), ("fetch-back",)),
)


def use_two(folder: Path) -> None:
    """Two sites list each other, record, deliver, and do all their jobs. No thread and no connection is left."""
    with ExitStack() as stack:
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        sites = [_create_site(folder / name, free_port()) for name in "ab"]
        for site in sites:
            stack.callback(_close, site)
            stack.enter_context(run_server(site, port=_port(site)))
        sharing_keys = [_command(site, "site", "--secrets")["sharing_key"] for site in sites]
        for site, other, sharing_key in zip(sites, reversed(sites), reversed(sharing_keys), strict=True):
            names = ("--target", "default", "--observed", "default")
            url = f"http://127.0.0.1:{_port(other)}"
            _command(site, "remote", "add", "--sharing-key", sharing_key, "--url", url, *names)
            _call_shop_api(site, _command(site, "key", "create", "shop")["key"])
        for site in sites * 2:
            with site.app_context():
                deliver(1, threading.Event())
                for job, _ in SCHEDULE:
                    job()
        for args in READING_COMMANDS:
            _command(sites[0], *args)


def _create_site(folder: Path, port: int) -> Flask:
    folder.mkdir()
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    app = create_app(config.load(environ, folder))
    with app.app_context():
        startup.prepare_database()
        startup.join_run()
    return app


def _port(site: Flask) -> int:
    return urlsplit(get_runtime(site).config.public_url or "").port or 0


def _call_shop_api(site: Flask, key: str) -> None:
    client, headers = site.test_client(), {"Authorization": f"Bearer {key}"}
    client.get("/healthz")
    client.post("/api/v1/movements", json={"customer": CUSTOMER, "points": 5}, headers=headers)
    client.get(f"/api/v1/customers/{CUSTOMER}", headers=headers)
    client.get(f"/api/v1/customers/{CUSTOMER}/movements", headers=headers)


def _command(site: Flask, *args: str) -> Any:
    """What a command answers with `--json`; None if it refuses."""
    from pointsync.cli.commands import ROOT

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with site.app_context(), _streams(out, err), contextlib.suppress(SystemExit):
        ROOT.main([*args, "--json"], prog_name="pointsync")
    text = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    return json.loads(text) if text else None


@contextlib.contextmanager
def _streams(out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def _close(site: Flask) -> None:
    with site.app_context():
        get_runtime().client.close()
        get_runtime().shop_client.close()
        db.close_connections()

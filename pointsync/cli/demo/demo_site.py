"""One site of the demo: a real `pointsync serve` in a process of its own, with its own data and port."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from pointsync import clock, config, create_app
from pointsync.accounts import admins, api_keys
from pointsync.cli.framework.errors import Fault
from pointsync.cli.remotes.remote import list_site
from pointsync.config import Config
from pointsync.db import db, in_write
from pointsync.runtime import runtime
from pointsync.startup import make_missing
from pointsync.sync.remotes import sharing_key as sharing
from pointsync.sync.remotes.check import check
from pointsync.sync.site import local_site, settings

HOST = "127.0.0.1"
CALL_SECONDS = 10
END_SECONDS = 6.0
THREADS = 4
SETTINGS = {"delay_seconds": "5", "max_attempts": "5"}
TAIL_BYTES = 400


class Member:
    """A site of the family: `prepare`, `start`, then `list_other` each other one."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self.name = name
        self.url = f"http://{HOST}:{port}"
        self.port = port
        self.data = folder / name.lower().replace(" ", "-")
        self.key = ""
        self._process: subprocess.Popen[bytes] | None = None
        # Every setting is given, if only as empty, so that none comes from whoever runs the demo.
        self._environ = {f"POINTSYNC_{each.name.upper()}": "" for each in fields(Config)} | {
            "POINTSYNC_SECRET_KEY_FILE": "",
            "POINTSYNC_DATA": str(self.data),
            "POINTSYNC_SITE_NAME": name,
        }

    def prepare(self, admin: str, password: str) -> None:
        """Make its data: short delays, an admin, an API key."""
        self._app = create_app(config.load(self._environ))
        with self._app.app_context():
            make_missing()
            now = clock.now()
            with_key = in_write(lambda session: api_keys.create(session, "demo", now))
            self.key = with_key[1]
            in_write(lambda session: admins.create(session, admin, password, now))
            for name, value in SETTINGS.items():
                in_write(lambda session, name=name, value=value: settings.change(session, name, value))  # type: ignore[misc]
            db.engine.dispose()

    def start(self) -> None:
        """Start its process, which ends when this one does, however that goes."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POINTSYNC_")}
        options = ("--port", str(self.port), "--threads", str(THREADS), "--while-stdin")
        with (self.data / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 our own command, no shell
                [sys.executable, "-m", "pointsync", "serve", *options],
                env=inherited | self._environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask_to_end(self) -> None:
        """Ask its process to end."""
        if self._process:
            self._process.terminate()

    def see_ended(self, seconds: float) -> None:
        """Wait for its end, and end it by force where it does not come."""
        if self._process is None:
            return
        try:
            self._process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def check_alive(self) -> None:
        """Raises Fault where its process has ended by itself."""
        if self._process and (code := self._process.poll()) is not None:
            tail = (self.data / "serve.log").read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
            raise Fault(f"{self.name} has ended by itself with {code}: {tail}")

    def is_healthy(self) -> bool:
        """Whether it answers and its scheduler is alive."""
        self.check_alive()
        return self.call("GET", "/healthz")[0] == 200

    def list_other(self, other: "Member") -> None:
        """Add another site to its Remote sites, by its sharing key."""
        typed = sharing.read(
            sharing_key=other.sharing_key(),
            url=other.url,
            auth=None,
            password=None,
            target="default",
            observed="default",
            template=None,
        )
        with self._app.app_context():
            list_site(typed)

    def check_remotes(self) -> None:
        """Ping all its remotes."""
        for remote in self.call("GET", "/api/v1/remotes")[1]:
            with self._app.app_context():
                check(remote["id"])
        with self._app.app_context():
            db.engine.dispose()

    def sharing_key(self) -> str | None:
        """What its admin would hand to the other shops' admins."""
        with self._app.app_context():
            here = runtime()
            return local_site.identity(db.session(), here.vault, here.config, clock.now()).sharing_key

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call as its shop's software makes it: status and answer; 0 where nobody answers."""
        connection = HTTPConnection(HOST, self.port, timeout=CALL_SECONDS)
        try:
            sent = None if body is None else json.dumps(body)
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, path, body=sent, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()


def end_all(family: Iterable[Member]) -> None:
    """End all processes, within some seconds."""
    family = list(family)
    end = time.monotonic() + END_SECONDS
    for each in family:
        with suppress(OSError):
            each.ask_to_end()
    for each in family:
        each.see_ended(end - time.monotonic())


def refuse_taken(ports: Iterable[int]) -> None:
    """Raises Fault where somebody listens at one of these ports already."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
                raise Fault(f"Port {port} {why}; choose others with --port.") from None

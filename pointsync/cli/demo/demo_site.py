"""One site of the demo: a `pointsync serve` in its own process, with its own data and port."""

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

from pointsync import clock, config, create_app, db
from pointsync.accounts import admins, api_keys
from pointsync.cli.framework.errors import CommandError
from pointsync.cli.remotes.remote import create_remote
from pointsync.config import Config
from pointsync.db import run_in_transaction
from pointsync.runtime import get_runtime
from pointsync.startup import prepare_database
from pointsync.sync.remotes import sharing_key
from pointsync.sync.remotes.check import check_remote
from pointsync.sync.site import local_site, settings

HOST = "127.0.0.1"
REQUEST_TIMEOUT_SECONDS = 10
STOP_TIMEOUT_SECONDS = 6.0
THREADS = 4
SITE_SETTINGS = {"delay_seconds": "5", "max_attempts": "5"}
LOG_TAIL_BYTES = 400


class DemoSite:
    """A site of the demo. Call `prepare`, `start`, then `add_remote` for every other site."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self.name = name
        self.url = f"http://{HOST}:{port}"
        self.port = port
        self.data = folder / name.lower().replace(" ", "-")
        self.key = ""
        self._process: subprocess.Popen[bytes] | None = None
        # Every setting is set, even if empty, so that no setting of the caller is used.
        self._environ = {f"POINTSYNC_{each.name.upper()}": "" for each in fields(Config)} | {
            "POINTSYNC_SECRET_KEY_FILE": "",
            "POINTSYNC_DATA": str(self.data),
            "POINTSYNC_SITE_NAME": name,
        }

    def prepare(self, admin: str, password: str) -> None:
        """Create its database, with short delays, an admin and an API key."""
        self._app = create_app(config.load(self._environ))
        with self._app.app_context():
            prepare_database()
            now = clock.now()
            key_and_secret = run_in_transaction(lambda session: api_keys.create(session, "demo", now))
            self.key = key_and_secret[1]
            run_in_transaction(lambda session: admins.create(session, admin, password, now))
            for name, value in SITE_SETTINGS.items():
                run_in_transaction(lambda session, name=name, value=value: settings.change(session, name, value))  # type: ignore[misc]
            db.get_engine().dispose()

    def start(self) -> None:
        """Start its process, which ends when this process ends for any reason."""
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

    def terminate(self) -> None:
        """Ask its process to stop."""
        if self._process:
            self._process.terminate()

    def wait_for_exit(self, timeout_seconds: float) -> None:
        """Wait until its process has ended, and kill it after `timeout_seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(timeout_seconds, 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def check_running(self) -> None:
        """Raise CommandError if its process has ended by itself."""
        if self._process and (code := self._process.poll()) is not None:
            log_tail = (self.data / "serve.log").read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
            raise CommandError(f"{self.name} stopped unexpectedly with exit code {code}: {log_tail}")

    def is_healthy(self) -> bool:
        """Whether it answers and its scheduler is alive."""
        self.check_running()
        return self.request("GET", "/healthz")[0] == 200

    def add_remote(self, other: "DemoSite") -> None:
        """Add another site as a remote, with its sharing key."""
        remote_input = sharing_key.parse(
            sharing_key=other.get_sharing_key(),
            url=other.url,
            auth=None,
            password=None,
            target_reserve="default",
            observed_reserve="default",
            query_template=None,
        )
        with self._app.app_context():
            create_remote(remote_input)

    def ping_remotes(self) -> None:
        """Ping all its remotes."""
        for remote in self.request("GET", "/api/v1/remotes")[1]:
            with self._app.app_context():
                check_remote(remote["id"])
        with self._app.app_context():
            db.get_engine().dispose()

    def get_sharing_key(self) -> str | None:
        """Its sharing key, which its admin would give to the admins of the other shops."""
        with self._app.app_context():
            state = get_runtime()
            return local_site.load_identity(db.session(), state.vault, state.config, clock.now()).sharing_key

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the site as its shop's software would: status and answer. The status is 0 if it does not answer."""
        connection = HTTPConnection(HOST, self.port, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            body_text = None if body is None else json.dumps(body)
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, path, body=body_text, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()


def stop_all(family: Iterable[DemoSite]) -> None:
    """Stop all processes within some seconds."""
    family = list(family)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    for each in family:
        with suppress(OSError):
            each.terminate()
    for each in family:
        each.wait_for_exit(deadline - time.monotonic())


def check_ports_free(ports: Iterable[int]) -> None:
    """Raise CommandError if one of these ports cannot be used."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                problem = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
                raise CommandError(f"Port {port} {problem}. Choose other ports with --port.") from None

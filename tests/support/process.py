"""Real processes, ports and HTTP calls, every one of them bounded in time."""

import json as jsonlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import urlsplit

from tests.support import fork_server
from tests.support.paths import CHECKOUT

PORTS = range(12_000, 32_000)
PORT_TRIES = 1_000
START_SECONDS = 30
TERMINATE_SECONDS = 10
LOG_TAIL_BYTES = 8_000
MIN_PAUSE_SECONDS, LATER_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.02, 0.15, 0.5
PAUSE_PER_QUESTION = 3
"""How much longer the pause after a question is than the question: some are commands, and take the processor from what
they wait for."""
PAUSE_PER_WAIT = 0.03
"""How long that pause is in proportion to the time that was waited before."""

T = TypeVar("T")
AnyProcess = subprocess.Popen[bytes] | fork_server.ForkedProcess


def free_port(in_a_row: int = 1) -> int:
    """A loopback port, the first of so many in a row, that nobody listens on now.

    Below the range that outgoing connections are given theirs from, so that none of them takes it before
    the test does; at random, so that tests side by side rarely choose the same.
    """
    for _ in range(PORT_TRIES):
        first = random.choice(PORTS)
        if all(_is_free(port) for port in range(first, first + in_a_row)):
            return first
    raise AssertionError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(predicate: Callable[[], T], deadline_seconds: float, what: str) -> T:
    """The first true value of `predicate`, asked again and again.

    Raises AssertionError with `what` and the last value when the deadline passes. Let the predicate
    return what it saw (a list, None) rather than a bare bool: a failure then says how far things got.
    """
    pause = threading.Event()
    began_at = time.monotonic()
    while True:
        asked_at = time.monotonic()
        if value := predicate():
            return value
        now = time.monotonic()
        if now > began_at + deadline_seconds:
            raise AssertionError(f"not within {deadline_seconds} s: {what}; last value: {value!r}")
        usual = max(MIN_PAUSE_SECONDS, min(PAUSE_PER_WAIT * (now - began_at), LATER_PAUSE_SECONDS))
        pause.wait(min(max(usual, PAUSE_PER_QUESTION * (now - asked_at)), MAX_PAUSE_SECONDS))


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer; `body` is parsed where the answer calls itself JSON, text otherwise."""

    status: int
    body: Any
    headers: Message


def call(
    method: str,
    url: str,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 30,
) -> HttpAnswer:
    """One request on a connection of its own, the path sent as it stands in `url`.

    `http.client`, because nothing in it rewrites a path, follows a redirect or asks for a proxy.
    """
    parts = urlsplit(url)
    assert parts.hostname, f"no host in {url!r}"
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_seconds)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        content = response.read().decode("utf-8", "replace")
    finally:
        connection.close()
    is_json = response.headers.get_content_type().endswith("json")
    return HttpAnswer(response.status, jsonlib.loads(content) if is_json else content, response.headers)


class SiteProcess:
    """A site as a user runs it: `pointsync serve` with its own data folder, port and process group.

    `with SiteProcess(folder) as site:` starts it and leaves nothing running. Outside the `with`,
    `cli` works on the same data without a server, after `create`. `env` adds to, or with its values replaces,
    what the process gets; the `POINTSYNC_…` settings of whoever runs the tests never reach it.

    Its processes are forked from one that has imported the package and knows the tables of a new database, unless
    `is_forked` is False or `command` is another: then each is a new interpreter. See `fork_server`.
    """

    command: tuple[str, ...] = (sys.executable, "-m", "pointsync")
    is_forked = True
    umask = fork_server.KEEP_UMASK

    def __init__(self, data_dir: Path, port: int | None = None, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = Path(data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.data_dir / "serve.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POINTSYNC_")}
        self.env = {**inherited, "POINTSYNC_DATA": str(self.data_dir), "PYTHONUNBUFFERED": "1", **(env or {})}
        self.process: AnyProcess | None = None
        self._health = "none"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def create(self) -> Self:
        """Create its database, for commands on a site that was not started before."""
        self.cli("upgrade")
        return self

    def start(self) -> Self:
        """Start it and wait until it calls itself healthy. Raises AssertionError with the log's tail."""
        assert self.process is None, "already started"
        with self.log.open("ab") as log:
            self.process = self.spawn("serve", "--port", str(self.port), output=log, new_session=True)
        try:
            wait_until(self._is_healthy, START_SECONDS, f"200 from {self.url}/healthz")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\nlast answer: {self._health}\n{self.log_tail()}") from None
        except BaseException:
            self.kill()
            raise
        return self

    def spawn(
        self, *args: str, output: BinaryIO, new_session: bool = False, env: Mapping[str, str] | None = None
    ) -> AnyProcess:
        """Start a command on this site's data without waiting for it. All that it prints goes to the file `output`."""
        environ = {**self.env, **(env or {})}
        if self._forks:
            with Path(os.devnull).open() as nothing:
                streams = {"stdin": nothing.fileno(), "stdout": output.fileno(), "stderr": output.fileno()}
                return fork_server.get_server().spawn(
                    list(args), environ, **streams, new_session=new_session, umask=self.umask
                )
        return subprocess.Popen(
            [*self.command, *args],
            cwd=CHECKOUT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=new_session,
            umask=self.umask,
        )

    def kill(self) -> None:
        """End it as a power cut would, with all it started: SIGKILL to the group. Nothing to do is fine."""
        if self.process:
            self._kill_group()
            self.process.wait(TERMINATE_SECONDS)
            self.process = None

    def terminate(self) -> int:
        """End it as a service manager would: SIGTERM to the process; its exit code.

        Raises AssertionError where it takes longer than the ten seconds that are promised.
        """
        assert self.process, "not started"
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there {TERMINATE_SECONDS} s after SIGTERM\n{self.log_tail()}") from None
        finally:
            self.kill()

    def restart(self) -> Self:
        """Kill it and start it again, on the same data and port."""
        self.kill()
        return self.start()

    def run(
        self, *args: str, input: str | None = None, timeout_seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command on this site's data, as given; for what `cli` hides: the text, stderr, the code."""
        if self._forks:
            return fork_server.run(
                list(args), self.env, input=input or "", timeout_seconds=timeout_seconds, umask=self.umask
            )
        return subprocess.run(
            [*self.command, *args],
            cwd=CHECKOUT,
            env=self.env,
            input=input or "",
            capture_output=True,
            encoding="utf-8",
            timeout=timeout_seconds,
            umask=self.umask,
            check=False,
        )

    def cli(self, *args: str, input: str | None = None, expect: int = 0, timeout_seconds: float = 60) -> Any:
        """What a command answers with `--json`, parsed; None where it says nothing on stdout."""
        done = self.run(*args, "--json", input=input, timeout_seconds=timeout_seconds)
        said = f"{' '.join(args)} gave {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
        assert done.returncode == expect, said
        try:
            return jsonlib.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            raise AssertionError(f"not one JSON document: {said}") from None

    def api(
        self,
        method: str,
        path: str,
        json: Any = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 30,
    ) -> HttpAnswer:
        """A call to the running site; `path` is from the root, such as `/api/v1/movements`."""
        sent = dict(headers or {})
        if json is not None:
            sent["Content-Type"] = "application/json"
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        body = None if json is None else jsonlib.dumps(json)
        return call(method, self.url + path, body, sent, timeout_seconds)

    def most_mb(self) -> float:
        """The most memory that the running server has taken since its start (`VmHWM`, proc(5))."""
        assert self.process, "not started"
        words = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in words.splitlines() if line.startswith("VmHWM")) / 1024

    def log_tail(self) -> str:
        """The end of what the server has printed."""
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace") if self.log.exists() else ""

    @property
    def _forks(self) -> bool:
        return self.is_forked and self.command == SiteProcess.command

    def _is_healthy(self) -> bool:
        assert self.process
        if (code := self.process.poll()) is not None:
            raise AssertionError(f"ended with {code} before it answered")
        try:
            answer = self.api("GET", "/healthz", timeout_seconds=2)
        except (OSError, HTTPException) as error:
            self._health = repr(error)
            return False
        self._health = f"{answer.status} {answer.body}"
        return answer.status == 200

    def _kill_group(self) -> None:
        assert self.process
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

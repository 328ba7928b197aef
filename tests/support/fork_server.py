"""Starts `pointsync` processes by forking one that has already imported everything.

Python needs most of a second to import the package, and the tests start hundreds of processes. Each is still a
process of its own: with its own pid, session, environment, folder, standard streams, signals and exit code. Only the
imports are shared. `python -m tests.support.fork_server FD` is the process that forks; it serves the socket FD.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.paths import CHECKOUT

CLI = "pointsync.cli"
MAX_REQUEST_BYTES = 200_000
"""A datagram of a Unix socket is not longer; the environment is most of it."""
CODE_BYTES = 4
STOP_SECONDS = 10
FIRST_FD = 3
LAST_FD = 4096


@dataclass(frozen=True)
class ForkRequest:
    """What the new process is to be. It runs the function `main` of the module `main`."""

    args: list[str]
    env: dict[str, str]
    cwd: str
    new_session: bool
    main: str


class ForkedProcess:
    """A process that the fork server started: as much of `subprocess.Popen` as the tests use."""

    def __init__(self, args: list[str], connection: socket.socket) -> None:
        self.args = args
        self.returncode: int | None = None
        self._connection = connection
        self.pid = int.from_bytes(connection.recv(CODE_BYTES), "big")
        assert self.pid, "the fork server has ended"

    def poll(self) -> int | None:
        """The exit code, or None while the process runs. It is negative after a signal."""
        return self._receive_code(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        code = self._receive_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _receive_code(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                answer = self._connection.recv(CODE_BYTES)
            except (BlockingIOError, TimeoutError):
                return None
            assert answer, "the fork server has ended"
            self.returncode = int.from_bytes(answer, "big", signed=True)
            self._connection.close()
        return self.returncode


class ForkServer:
    """The process that forks. It ends with this one, whose end of the socket closes then."""

    def __init__(self) -> None:
        self._control, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(its_end.fileno())],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                pass_fds=[its_end.fileno()],
                env={name: value for name, value in os.environ.items() if not name.startswith("POINTSYNC_")},
            )
        atexit.register(self.stop)

    def stop(self) -> None:
        """Let it end. What it started goes on."""
        self._control.close()
        self._process.wait(STOP_SECONDS)

    def spawn(
        self,
        args: list[str],
        env: Mapping[str, str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        new_session: bool = False,
        main: str = CLI,
    ) -> ForkedProcess:
        """Start `main` with these arguments, this environment and these files as its standard streams."""
        request = ForkRequest(args, dict(env), str(CHECKOUT), new_session, main)
        ours, its_end = socket.socketpair()
        with its_end:
            message = json.dumps(asdict(request)).encode()
            assert len(message) <= MAX_REQUEST_BYTES, "too long a request"
            socket.send_fds(self._control, [message], [stdin, stdout, stderr, its_end.fileno()])
        return ForkedProcess(["pointsync", *args], ours)


@cache
def get_server() -> ForkServer:
    """The one server of this pytest process, started by the first test that needs it."""
    return ForkServer()


def run(
    args: list[str], env: Mapping[str, str], *, input: str, timeout_seconds: float, main: str = CLI
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run(..., capture_output=True, encoding="utf-8")` does."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(input.encode())
        stdin.seek(0)
        streams = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
        process = get_server().spawn(args, env, **streams, main=main)
        try:
            code = process.wait(timeout_seconds)
        except BaseException:
            process.kill()
            raise
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode("utf-8").replace("\r\n", "\n"))
        return subprocess.CompletedProcess(process.args, code, *texts)


# What follows runs in the server and in the processes that it forks.


def _serve(control: socket.socket) -> ForkRequest | None:
    """Fork for each request. Returns the request in the new process, and None in the server at its end.

    Files are plain numbers here: the new process closes them all at once, and no object may close a number again
    that belongs to something else by then.
    """
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data:
                _report_end(*key.data)
                selector.unregister(key.fd)
                os.close(key.fd)
                continue
            message, fds, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 4)
            if not message:
                return None
            pid = os.fork()
            if pid == 0:
                for number, fd in enumerate(fds[:FIRST_FD]):
                    os.dup2(fd, number)
                selector.close()
                control.close()
                os.closerange(FIRST_FD, LAST_FD)
                return ForkRequest(**json.loads(message))
            for fd in fds[:FIRST_FD]:
                os.close(fd)
            os.write(fds[-1], pid.to_bytes(CODE_BYTES, "big"))
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, fds[-1]))


def _report_end(pid: int, connection: int) -> None:
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # nobody may wait for it any more
        os.write(connection, os.waitstatus_to_exitcode(status).to_bytes(CODE_BYTES, "big", signed=True))
    os.close(connection)


def _become(request: ForkRequest) -> None:
    """Be the process that was asked for, as a new interpreter would set it up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request.new_session:
        os.setsid()
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    unbuffered = bool(request.env.get("PYTHONUNBUFFERED"))
    stdin, stdout, stderr = (io.FileIO(number, mode, closefd=False) for number, mode in enumerate("rww"))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(stdin), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(stdout), "utf-8", write_through=unbuffered)
    sys.stderr = io.TextIOWrapper(stderr, "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = ["pointsync", *request.args]
    os._exit(_run(request.main))


def _run(main: str) -> int:
    """The exit code of the function `main` of this module, after all that an interpreter does at its end.

    Except one thing, which takes longer than most commands: it would delete each object, and so copy all the memory
    that is shared with the server. Of the objects, only databases do something then: they move their log into the file.
    """
    code: object = 0
    try:
        importlib.import_module(main).main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError, ValueError):
            stream.flush()
    for each in gc.get_objects():
        if issubclass(type(each), sqlite3.Connection):
            with suppress(sqlite3.Error):  # such as: it belongs to another thread
                each.close()
    return code or 0


def _compile_everything() -> None:
    """Start a site once in this process, and leave only what Werkzeug and SQLAlchemy compile for every process anew."""
    from pointsync import config, create_app, db, startup
    from tests.support.route_cache import cache_compiled_routes
    from tests.support.statement_cache import share_compiled_statements

    cache_compiled_routes(setattr)
    share_compiled_statements(setattr)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load({"POINTSYNC_DATA": folder}, Path(folder)))
        with app.app_context():
            startup.prepare_database()
            db.close_connections()


def _import_everything() -> None:
    """All that a command or `serve` may import, so that no process does it again."""
    import pointsync

    others = ("alembic.command", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite")
    own: list[Any] = [module.name for module in pkgutil.walk_packages(pointsync.__path__, "pointsync.")]
    for name in (*others, "waitress", *own):
        if ".migrations." not in name and not name.endswith("__main__"):
            importlib.import_module(name)
    _compile_everything()
    assert threading.active_count() == 1, "a fork copies only one thread"
    gc.collect()
    gc.freeze()


def main() -> None:
    """Serve until the pytest process closes its end. Ctrl+C in a terminal is meant for that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        _import_everything()
        request = _serve(control)
    if request:
        _become(request)


if __name__ == "__main__":
    main()

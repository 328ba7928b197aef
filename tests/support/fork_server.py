"""Starts `pointsync` processes by forking one that has already imported everything: see `forking`.

Python needs most of a second to import the package, and the tests start hundreds of processes. Each is still a
process of its own: with its own pid, session, environment, folder, standard streams, signals and exit code. Only the
imports are shared. All workers of a run share the process that forks.
"""

import atexit
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from tests.support import run_folder
from tests.support.paths import CHECKOUT

CLI = "pointsync.cli"
MAX_REQUEST_BYTES = 200_000
"""A datagram of a Unix socket is not longer; the environment is most of it."""
CODE_BYTES = 4
KEEP_UMASK = -1
"""As for `subprocess`: the umask of the process that starts it."""
CONNECT_SECONDS = 60


@dataclass(frozen=True)
class ForkRequest:
    """What the new process is to be. It runs the function `main` of the module `main`."""

    args: list[str]
    env: dict[str, str]
    cwd: str
    new_session: bool
    main: str
    umask: int


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
    """A connection to the process that forks. That ends when nobody is connected any more."""

    def __init__(self) -> None:
        folder = run_folder.path() if run_folder.is_created() else Path(tempfile.mkdtemp(prefix="fork-server-"))
        with (folder / "fork_server.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = str(folder / "fork_server.socket")
            self._control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.settimeout(CONNECT_SECONDS)
            try:
                self._control.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                _start(path)
                self._control.connect(path)
        self._control.settimeout(None)
        atexit.register(self._control.close)

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
        umask: int = KEEP_UMASK,
    ) -> ForkedProcess:
        """Start `main` with these arguments, this environment and these files as its standard streams."""
        request = ForkRequest(args, dict(env), str(CHECKOUT), new_session, main, umask)
        ours, its_end = socket.socketpair()
        with its_end:
            message = json.dumps(asdict(request)).encode()
            assert len(message) <= MAX_REQUEST_BYTES, "too long a request"
            socket.send_fds(self._control, [message], [stdin, stdout, stderr, its_end.fileno()])
        return ForkedProcess(["pointsync", *args], ours)


def _start(path: str) -> None:
    """Start the process that forks. It can be connected to at once, and answers when it has imported everything."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        subprocess.run(
            [sys.executable, "-m", "tests.support.forking", str(listener.fileno())],
            cwd=CHECKOUT,
            pass_fds=[listener.fileno()],
            env={name: value for name, value in os.environ.items() if not name.startswith("POINTSYNC_")},
            check=True,
        )


@cache
def get_server() -> ForkServer:
    """The one server of this run, started by the first test that needs it."""
    return ForkServer()


def run(
    args: list[str],
    env: Mapping[str, str],
    *,
    input: str,
    timeout_seconds: float,
    main: str = CLI,
    umask: int = KEEP_UMASK,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run(..., capture_output=True, encoding="utf-8")` does."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(input.encode())
        stdin.seek(0)
        streams = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
        process = get_server().spawn(args, env, **streams, main=main, umask=umask)
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

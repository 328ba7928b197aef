"""Where the other products keep their tasks: a file, a Redis, or a PostgreSQL database."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection

from tests.bench.peers.environment import Unavailable
from tests.support import postgres
from tests.support.process import free_port, wait_until

START_SECONDS = 30


@contextmanager
def sqlite_store(folder: Path) -> Iterator[str]:
    """A file on disk."""
    yield str(folder / "tasks.db")


@contextmanager
def redis_store(folder: Path) -> Iterator[str]:
    """A Redis that writes nothing to disk, which is faster than one that does. Raises Unavailable."""
    program = shutil.which("redis-server")
    if program is None:
        raise Unavailable("there is no redis-server. On Debian: apt-get install redis-server")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(port), START_SECONDS, "Redis listens")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


@contextmanager
def postgres_store(_folder: Path) -> Iterator[str]:
    """A database of a server with `fsync`. Raises Unavailable."""
    if reason := postgres.missing_reason():
        raise Unavailable(reason)
    with postgres.Cluster(fsync=True) as cluster:
        yield cluster.create_database()


def _answers(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), 1):
        return True
    return False

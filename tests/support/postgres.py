"""A real PostgreSQL cluster in a temporary folder, for testing locks and crashes."""

import fcntl
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.support import run_folder
from tests.support.process import free_port

ROLE = "pointsync"
WAIT_SECONDS = 30
PORT_TRIES = 3
MAX_CONNECTIONS = 400
"""High, because the applications of every worker have their own connection pools."""


def missing_reason() -> str | None:
    """Why no cluster can be created on this machine; None if it can."""
    if _bin_dir() is None:
        return "PostgreSQL's initdb and pg_ctl are neither on the PATH nor under /usr/lib/postgresql"
    if os.geteuid() == 0 and _unprivileged_user() is None:
        return "PostgreSQL refuses to run as root, and there is no user postgres or nobody"
    return None


def deletion_script(tables: Iterable[str]) -> sql.Composed:
    """SQL that deletes all rows and resets the ids in one call, without checking foreign keys."""
    deletions = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in tables]
    first = sql.SQL("SET LOCAL session_replication_role = replica")
    last = sql.SQL("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")
    return sql.SQL("; ").join([first, *deletions, last])


def share() -> "Cluster":
    """The cluster that all workers of a run share; the first worker that needs it starts it."""
    with (run_folder.path() / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster = Cluster()
        if _shared_file().exists():
            cluster.attach(**json.loads(_shared_file().read_text()))
        else:
            cluster.start()
            _shared_file().write_text(json.dumps({"home": str(cluster.home), "port": cluster.port}))
        return cluster


def stop_shared() -> None:
    """Stop it at the end of the run, if a test needed it."""
    if _shared_file().exists():
        cluster = Cluster()
        cluster.attach(**json.loads(_shared_file().read_text()))
        cluster.stop()


def _shared_file() -> Path:
    return run_folder.path() / "postgres.json"


class Cluster:
    """A server with its own data and port; use `with Cluster() as cluster:`.

    Without `fsync`, which is faster, a commit reaches the kernel before it is answered. So it survives a killed
    server, but not a power cut. Use `fsync=True` for measurements.
    """

    def __init__(self, fsync: bool = False) -> None:
        reason = missing_reason()
        if reason:
            raise RuntimeError(reason)
        self.fsync = fsync
        self.port = 0
        self._bin = _bin_dir()
        self._home: Path | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Create and start the cluster. Raises RuntimeError with the output of the tools and the server."""
        self._home = Path(tempfile.mkdtemp(prefix="pointsync-pg-"))
        try:
            if os.geteuid() == 0:
                user = _unprivileged_user()
                os.chown(self._home, user.pw_uid, user.pw_gid)
            self._run(
                "initdb",
                *("--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"),
                *("--no-sync", "--no-instructions"),
            )
            self._start_on_a_free_port()
        except BaseException:
            self.stop()
            raise
        return self

    def attach(self, home: str, port: int) -> None:
        """Use a cluster that another process started."""
        self._home, self.port = Path(home), port

    @property
    def home(self) -> Path:
        """The folder with its data."""
        assert self._home, "the cluster is not started"
        return self._home

    def create_database(self, template: str | None = None) -> str:
        """Create a database: without tables, or a copy of the database at the URL `template`, which nobody may use."""
        name = f"pointsync_{uuid.uuid4().hex}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(_database_name(template)))
        self._execute(statement)
        return self._url(name)

    def drop(self, url: str) -> None:
        """Drop a database of `create_database`, even if there are connections to it."""
        name = sql.Identifier(_database_name(url))
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def empty(self, url: str) -> None:
        """Delete all rows and reset the ids, which is much faster than a new database.

        Closes other connections first, because their locks would block this.
        """
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            ).fetchall()
            connection.execute(deletion_script(name for (name,) in tables))

    def restart(self, mode: str = "fast") -> None:
        """Restart on the same port; `fast` closes connections, `immediate` is like a crash."""
        self._run("pg_ctl", *("--mode", mode), *self._waiting, *self._logging, "restart")

    def keep_data(self) -> Path:
        """Stop the server for a moment and copy its data, as a standby has it that gets no more commits."""
        kept = self.home / "kept"
        self._run("pg_ctl", *("--mode", "fast"), *self._waiting, "stop")
        shutil.copytree(self.home / "data", kept)
        if os.geteuid() == 0:
            owner = (self.home / "data").stat()
            for each in (kept, *kept.rglob("*")):
                os.chown(each, owner.st_uid, owner.st_gid)
        self._run("pg_ctl", *self._waiting, *self._logging, "start")
        return kept

    def fail_over(self, kept: Path) -> None:
        """The server crashes, and the one with the kept data takes its place."""
        self._run("pg_ctl", *("--mode", "immediate"), *self._waiting, "stop")
        shutil.rmtree(self.home / "data")
        kept.rename(self.home / "data")
        self._run("pg_ctl", *self._waiting, *self._logging, "start")

    def stop(self) -> None:
        """Stop the server and remove its data, if it is running."""
        if self._home is None:
            return
        self._run("pg_ctl", *("--mode", "immediate"), *self._waiting, "stop", check=False)  # nobody needs its data
        shutil.rmtree(self._home)
        self._home = None

    def _start_on_a_free_port(self) -> None:
        """Try several ports, because another process may take a free port before the server starts."""
        assert self._home
        for left in reversed(range(PORT_TRIES)):
            self.port = free_port()
            (self._home / "data" / "postgresql.auto.conf").write_text(
                f"listen_addresses = '127.0.0.1'\n"
                f"port = {self.port}\n"
                f"unix_socket_directories = '{self._home}'\n"
                f"fsync = {'on' if self.fsync else 'off'}\n"
                f"full_page_writes = {'on' if self.fsync else 'off'}\n"
                f"max_connections = {MAX_CONNECTIONS}\n"
            )
            if self._run("pg_ctl", *self._waiting, *self._logging, "start", check=left == 0).returncode == 0:
                return

    @property
    def _waiting(self) -> tuple[str, ...]:
        return ("--wait", "--timeout", str(WAIT_SECONDS))

    @property
    def _logging(self) -> tuple[str, ...]:
        return ("--log", str(self._log))

    @property
    def _log(self) -> Path:
        assert self._home, "the cluster is not started"
        return self._home / "server.log"

    def _run(self, tool: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a tool on the data folder; if this process is root, as an ordinary user."""
        assert self._home, "the cluster is not started"
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged_user()
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [str(self._bin / tool), "--pgdata", str(self._home / "data"), *args],
            cwd=self._home,
            env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * WAIT_SECONDS,
            check=False,
            **as_user,
        )
        if check and done.returncode != 0:
            log = self._log.read_text(errors="replace")[-4_000:] if self._log.exists() else ""
            raise RuntimeError(f"{tool} gave {done.returncode}:\n{done.stdout}\n{log}")
        return done

    def _url(self, name: str) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{name}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)


def _bin_dir() -> Path | None:
    """The folder with both tools: from the PATH, or the newest of Debian's packages."""
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in ([Path(on_path).resolve().parent] if on_path else []) + installed:
        if (folder / "initdb").is_file() and (folder / "pg_ctl").is_file():
            return folder
    return None


def _database_name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _version(bin_dir: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", bin_dir.parent.name)]


def _unprivileged_user() -> pwd.struct_passwd | None:
    """An unprivileged user for the server, which refuses to run as root."""
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users.get("nobody")

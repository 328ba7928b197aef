"""The SQLite file that this process has opened, and whether it is still the one at its path.

A process can write for days into a file that somebody has deleted or replaced, and all of that is lost when it ends. So
the file's inode is compared before and after each write, before each request, and by the scheduler. The WAL file is
compared too, because the last commits may be only there. SQLite deletes it only with the last connection.
"""

import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import Engine, event

from pointsync.files import open_private

log = logging.getLogger(__name__)

EXTENSION_KEY = "pointsync_database_file"
GONE = (
    "The database file was deleted or replaced while this site ran, so nothing is recorded or sent. The site's log "
    "says what to do."
)
"""Anybody may see this, so it names no path."""
ADVICE = (
    "%s was deleted or replaced while this site ran, so nothing is recorded or sent. Do not stop process %s yet: first "
    "copy its files from /proc/%s/fd. How: pointsync/manual/troubleshooting.md, The database file is gone"
)

_FileIdentity = tuple[int, int]
"""The device and the inode."""


class DatabaseFile:
    """The database's file. Several threads use it."""

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self.path = path
        self._wal_path = Path(f"{path}-wal")
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._open_connections: set[int] = set()
        self._identity: _FileIdentity | None = None
        self._wal_identity: _FileIdentity | None = None
        self._changed_path: Path | None = None

    def connect(self) -> sqlite3.Connection:
        """Open a connection, but never create the file. Raises sqlite3.OperationalError if it is missing or another
        one than this process has open."""
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=self._timeout_seconds, check_same_thread=False)
        if self.find_problem():
            connection.close()
            raise sqlite3.OperationalError(f"unable to open {self.path}: it was replaced")
        return connection

    def create(self) -> None:
        """Create the file, empty and only for its owner, if it is missing."""
        try:
            os.close(open_private(self.path, os.O_WRONLY | os.O_EXCL))
        except FileExistsError:
            return

    def find_problem(self) -> str | None:
        """What happened to the file while this process had it open; None if nothing did. A change is logged once."""
        with self._lock:
            changed_path = self._find_changed_path() if self._open_connections else None
            if changed_path != self._changed_path:
                self._changed_path = changed_path
                if changed_path:
                    log.error(ADVICE, changed_path, os.getpid(), os.getpid())
                else:
                    log.warning("%s is back", self.path)
        return GONE if changed_path else None

    def watch(self, engine: Engine) -> None:
        """Follow the connections of `engine`. Call it after the listeners that configure new connections.

        A process that has closed all its connections may open another file, as commands do after a restore.
        """

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: object) -> None:
            with self._lock:
                if not self._open_connections:
                    self._identity, self._wal_identity = _identify(self.path), _identify(self._wal_path)
                self._open_connections.add(id(connection))

        @event.listens_for(engine, "close")
        def on_close(connection: Any, _record: object) -> None:
            with self._lock:
                self._open_connections.discard(id(connection))

        @event.listens_for(engine, "engine_disposed")
        def on_dispose(_engine: Engine) -> None:
            with self._lock:
                self._open_connections.clear()

    def _find_changed_path(self) -> Path | None:
        if self._wal_identity is None:  # in an empty database, the first transaction creates it
            self._wal_identity = _identify(self._wal_path)
        for path, identity in ((self.path, self._identity), (self._wal_path, self._wal_identity)):
            if _identify(path) != identity:
                return path
        return None


def get_database_file() -> DatabaseFile | None:
    """The current application's database file; None if it uses PostgreSQL."""
    file: DatabaseFile | None = current_app.extensions[EXTENSION_KEY]
    return file


def file_problem() -> str | None:
    """Why this process must not use its database file any more; None if it may, or if it uses PostgreSQL."""
    file = get_database_file()
    return file.find_problem() if file else None


def _identify(path: Path) -> _FileIdentity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

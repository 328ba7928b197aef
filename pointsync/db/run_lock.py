"""Which process opens an SQLite database first: a file lock beside it that all serving processes share."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import current_app

from pointsync.db.engine import get_engine
from pointsync.db.schema import upgrade_lock
from pointsync.errors import ConfigError
from pointsync.files import describe_owner, open_private

FILE_SUFFIX = ".run.lock"
_EXTENSION_KEY = "pointsync_run_lock"


@contextmanager
def share_run_lock() -> Iterator[bool]:
    """Take a share of the lock until this process ends; yields whether nobody else has one.

    The upgrade lock makes the others wait until the block has ended: a lock cannot be changed from exclusive to shared
    in one step, and whoever opens the database next must see what the first one stored. On PostgreSQL there is no such
    lock, and the yielded value is False.
    """
    engine = get_engine()
    if engine.dialect.name != "sqlite" or _EXTENSION_KEY in current_app.extensions:
        yield False
        return
    with upgrade_lock():
        descriptor = _open(Path(f"{engine.url.database}{FILE_SUFFIX}"))
        try:
            yield _lock_exclusively(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except BaseException:
            os.close(descriptor)
            raise
        current_app.extensions[_EXTENSION_KEY] = descriptor


def release() -> None:
    """Give back this process's share, if it has one."""
    descriptor: int | None = current_app.extensions.pop(_EXTENSION_KEY, None)
    if descriptor is not None:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return open_private(path, os.O_RDWR)
    except OSError as error:
        raise ConfigError(f"{path}, a lock of the database, cannot be opened: {describe_owner(path)}") from error


def _lock_exclusively(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""The file of a secret key that PointSync generated, and its change.

The file `secret_key` contains the key. During a change, `secret_key.new` contains the next key: it is written before
the database is encrypted with it, and afterwards replaces `secret_key`. So whenever the process is killed, one of the
two files has the key of the database.
"""

import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pointsync.errors import ConfigError
from pointsync.files import describe_owner, find_free_path, fsync_path, open_private

KEY_FILE, NEXT_KEY_FILE, OLD_KEY_PREFIX = "secret_key", "secret_key.new", "secret_key.before-rotation"
SECRET_BYTES = 32


def new_key() -> str:
    """A new random key."""
    return secrets.token_hex(SECRET_BYTES)


def read_or_create(data: Path) -> str:
    """The key in the folder `data`, created if it is missing; if processes start at once, they share one key.

    Raises ConfigError if the file cannot be read.
    """
    path = data / KEY_FILE
    temporary_path = path.with_name(f"{KEY_FILE}.{os.getpid()}")
    if not path.exists():
        _write(temporary_path, new_key())
        try:
            os.link(temporary_path, path)
        except FileExistsError:
            pass
        finally:
            temporary_path.unlink()
    return _read(path)


def write_next(data: Path) -> str:
    """Create the next key and write it to the disk (mode 600), before it is used. Raises OSError."""
    key = new_key()
    _write(data / NEXT_KEY_FILE, key)
    fsync_path(data)
    return key


def read_next(data: Path) -> str | None:
    """The next key if a change is running or was interrupted; it may be incomplete after a power cut."""
    path = data / NEXT_KEY_FILE
    return (_read(path) or None) if path.exists() else None


def delete_next(data: Path) -> None:
    """Delete the next key, with which nothing is encrypted."""
    with suppress(FileNotFoundError):
        (data / NEXT_KEY_FILE).unlink()


def activate_next(data: Path, now: datetime) -> Path:
    """Replace the current key with the next one; returns the copy of the old key, for old backups. Raises OSError."""
    path = data / KEY_FILE
    old_paths = [each for each in data.glob(f"{OLD_KEY_PREFIX}-*") if each.samefile(path)]  # from an interrupted call
    if not old_paths:
        old_paths = [find_free_path(data / OLD_KEY_PREFIX, now)]
        os.link(path, old_paths[0])
    os.replace(data / NEXT_KEY_FILE, path)
    fsync_path(data)
    return old_paths[0]


def _write(path: Path, key: str) -> None:
    with suppress(FileNotFoundError):
        path.unlink()  # because an existing file would keep its mode
    descriptor = open_private(path, os.O_WRONLY | os.O_EXCL)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}, which contains the site's secret key, cannot be read: {describe_owner(path)}"
        ) from error

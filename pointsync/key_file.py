"""The file of the secret key that PointSync has made for a site, and the way from one key to the next.

`secret_key` holds the key. While it is changed, `secret_key.new` beside it holds the next one, from before the
database is encrypted with that until it takes the other's place: whenever a process is killed, one of the two opens
the database.
"""

import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pointsync.errors import ConfigError
from pointsync.files import fsync_path
from pointsync.sqlite_file import TIMESTAMP_FORMAT

KEY_FILE, NEXT_KEY_FILE, OLD_KEY_PREFIX = "secret_key", "secret_key.new", "secret_key.before-rotation"
SECRET_BYTES = 32


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(SECRET_BYTES)


def read_or_create(data: Path) -> str:
    """The key in the folder `data`, made at first use; of processes that start together, one makes it.

    Raises ConfigError where it cannot be read.
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
    """A fresh key, which is on the disk, mode 600, before anything is encrypted with it. Raises OSError."""
    key = new_key()
    _write(data / NEXT_KEY_FILE, key)
    fsync_path(data)
    return key


def read_next(data: Path) -> str | None:
    """The next key, where a change is under way or was cut short; after a power cut not all of it may be there."""
    path = data / NEXT_KEY_FILE
    return (_read(path) or None) if path.exists() else None


def delete_next(data: Path) -> None:
    """Forget the next key: nothing is encrypted with it."""
    with suppress(FileNotFoundError):
        (data / NEXT_KEY_FILE).unlink()


def activate_next(data: Path, now: datetime) -> Path:
    """Put the next key in the place of the present one; where that is kept, for old backups. Raises OSError."""
    path = data / KEY_FILE
    old_paths = [each for each in data.glob(f"{OLD_KEY_PREFIX}-*") if each.samefile(path)]  # linked, and then cut short
    if not old_paths:
        old_paths = [_unused_path(data, now)]
        os.link(path, old_paths[0])
    os.replace(data / NEXT_KEY_FILE, path)
    fsync_path(data)
    return old_paths[0]


def _unused_path(data: Path, now: datetime) -> Path:
    """A name that says until when the key was used, and is not taken."""
    name, number = f"{OLD_KEY_PREFIX}-{now.strftime(TIMESTAMP_FORMAT)}", 1
    while (data / name).exists():
        number += 1
        name = f"{OLD_KEY_PREFIX}-{now.strftime(TIMESTAMP_FORMAT)}-{number}"
    return data / name


def _write(path: Path, key: str) -> None:
    with suppress(FileNotFoundError):
        path.unlink()  # its mode would stay
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}, which holds the site's secret, cannot be read") from error

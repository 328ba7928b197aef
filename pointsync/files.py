"""The files of a site: private, owned by the account of their folder, and written whole or not at all."""

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

PARTIAL_SUFFIX = ".part"
"""The end of the names of unfinished files; the names begin with a dot."""

TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
"""For file names, in UTC. Names sort in the order of time."""


PRIVATE_UMASK = 0o077


def describe_owner(path: Path) -> str:
    """Whose file or folder it is, and as whom this process runs, for messages about what cannot be read or written."""
    try:
        found = path.stat()
        owner = f"it belongs to {account_name(found.st_uid)} (mode {stat.S_IMODE(found.st_mode):03o})"
    except OSError as error:
        owner = f"{error.strerror}"
    return f"{owner}, and this process runs as {account_name(os.geteuid())}"


def account_name(user_id: int) -> str:
    """The name of a system account, or its number if it has no name, as in containers."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


@contextmanager
def private_umask() -> Iterator[None]:
    """Create all files of this process so that only its own account can read them, also those of libraries."""
    previous = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(previous)


def open_private(path: str | Path, flags: int) -> int:
    """An `opener` for `open` that creates the file with mode 600. An existing file keeps its mode and owner.

    A file that root creates in the folder of another account belongs to that account: the site runs under it, and could
    not use the file otherwise.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags | os.O_CLOEXEC)
    give_to_folder_owner(descriptor, Path(path).parent)
    return descriptor


def make_private_folder(path: Path, *, parents: bool = False) -> None:
    """Create a folder with mode 700, also those above it if `parents`. Existing ones stay as they are.

    Its owner is the one of the folder above it, if root creates it. Raises OSError.
    """
    if path.is_dir():
        return
    if parents:
        make_private_folder(path.parent, parents=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    _give_folder(path)


def make_temporary_folder(folder: Path, prefix: str) -> Path:
    """Create a folder with mode 700 and a new name in `folder`, with its owner. Raises OSError."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    _give_folder(path)
    return path


def make_temporary_file(folder: Path) -> tuple[int, Path]:
    """Create an unfinished file (mode 600) in `folder`, with its owner; its descriptor and path. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=folder)
    give_to_folder_owner(descriptor, folder)
    return descriptor, Path(name)


def give_to_folder_owner(created: int | Path, folder: Path) -> None:
    """Give what root has created, a descriptor or a path that nobody else can replace, to the owner of its folder."""
    if os.geteuid() == 0 and (owner := folder.stat()).st_uid != 0:
        os.chown(created, owner.st_uid, owner.st_gid)


def _give_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        give_to_folder_owner(descriptor, path.parent)
    finally:
        os.close(descriptor)


def is_readable_by_others(path: Path) -> bool:
    """Whether every account of this machine can read the file; False if it does not exist."""
    try:
        is_reachable = all(folder.stat().st_mode & 0o001 for folder in path.absolute().parents)
        return is_reachable and bool(path.stat().st_mode & 0o004)
    except FileNotFoundError:
        return False


@contextmanager
def atomic_text_file(path: Path) -> Iterator[TextIO]:
    """Write a text file (UTF-8, mode 600, line ends unchanged) that appears at `path` when the block ends.

    If the block raises, an existing file stays as it is. Raises OSError, and ValueError for an invalid path.
    """
    with _atomic_file(path, "w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def atomic_binary_file(path: Path) -> Iterator[BinaryIO]:
    """The same for bytes; the block can also read the file."""
    with _atomic_file(path, "w+b") as file:
        yield file


@contextmanager
def _atomic_file(path: Path, mode: str, **open_options: Any) -> Iterator[Any]:
    descriptor, temporary_path = make_temporary_file(path.parent)
    try:
        with open(descriptor, mode, **open_options) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary_path, path)
        fsync_path(path.parent)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary_path)


def find_free_path(path: Path, now: datetime) -> Path:
    """`path` with the time added to its name, and a number if that file exists."""
    dated_path = path.with_name(f"{path.name}-{now.strftime(TIMESTAMP_FORMAT)}")
    free_path, number = dated_path, 1
    while free_path.exists():
        number += 1
        free_path = dated_path.with_name(f"{dated_path.name}-{number}")
    return free_path


def fsync_path(path: Path) -> None:
    """Write a file's content, or a folder's entries, to the disk, so that they survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

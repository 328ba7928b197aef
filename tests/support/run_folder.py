"""One folder for all temporary files of a run, in memory where there is room: the tests write all the time."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

MEMORY = Path("/dev/shm")
MIN_FREE_BYTES = 2 << 30
PREFIX = "pointsync-tests-"


def create() -> Path:
    """Create it, and let `tempfile` use it, here and in every process that is started from here."""
    with suppress(FileNotFoundError):
        _remove_abandoned(MEMORY)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY if _has_room() else None))
    folder.chmod(0o711)  # PostgreSQL runs as another user, in a folder below
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    return folder


def path() -> Path:
    """The folder of this run, also in a worker."""
    return Path(tempfile.gettempdir())


def is_created() -> bool:
    """Whether this is a process of a test run, which has such a folder."""
    return path().name.startswith(PREFIX)


def remove() -> None:
    """Remove it with all that is in it."""
    folder = path()
    if is_created():
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["TMPDIR"]
        tempfile.tempdir = None


def _has_room() -> bool:
    try:
        return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MIN_FREE_BYTES
    except OSError:
        return False


def _remove_abandoned(parent: Path) -> None:
    """Runs that were killed leave their folder behind, and this one is memory."""
    for folder in parent.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)

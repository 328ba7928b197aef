"""Deleting the files of background tasks, such as exports and imports, that name an erased person."""

from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.people.erasure.texts import forms_of
from pointsync.models import Task
from pointsync.tasks.tasks import FOLDER_NAME

READ_BYTES = 1024 * 1024
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def delete_files(session: Session, data_dir: Path, addresses: Collection[str]) -> tuple[int, bool]:
    """Delete the files that name one of these addresses. Return how many there were, and whether a task that is not
    finished still needs one.

    Raises OSError if a file cannot be read or deleted.
    """
    unfinished = {str(task_id) for task_id in session.scalars(select(Task.id).where(Task.finished_at.is_(None)))}
    needles = {form.encode(encoding) for address in addresses for form in forms_of(address) for encoding in _ENCODINGS}
    deleted, is_needed = 0, False
    for path in sorted(_list_files(data_dir / FOLDER_NAME)):
        if needles and _contains(path, needles):
            if path.relative_to(data_dir / FOLDER_NAME).parts[0] in unfinished:
                is_needed = True
            else:
                path.unlink(missing_ok=True)
                deleted += 1
    return deleted, is_needed


def _list_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _contains(path: Path, needles: Collection[bytes]) -> bool:
    """Whether the file has one of `needles`, in any case of ASCII letters."""
    longest = max(map(len, needles))
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another process has deleted it
        return False
    with file:
        tail = b""
        while block := file.read(READ_BYTES):
            text = (tail + block).lower()
            if any(needle in text for needle in needles):
                return True
            tail = text[-longest:]
    return False

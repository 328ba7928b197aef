"""Deleting the files of background tasks, such as exports and imports, that name an erased person."""

from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.people.erased.texts import AddressTexts
from pointsync.models import Task
from pointsync.tasks.tasks import FOLDER_NAME


def delete_files(session: Session, data_dir: Path, addresses: Collection[str]) -> tuple[int, bool]:
    """Delete the files that name one of these addresses. Return how many there were, and whether a task that is not
    finished still needs one.

    Raises OSError if a file cannot be read or deleted.
    """
    unfinished = {str(task_id) for task_id in session.scalars(select(Task.id).where(Task.finished_at.is_(None)))}
    texts = AddressTexts(addresses)
    deleted, is_needed = 0, False
    for path in sorted(_list_files(data_dir / FOLDER_NAME)):
        if _names(texts, path):
            if path.relative_to(data_dir / FOLDER_NAME).parts[0] in unfinished:
                is_needed = True
            else:
                path.unlink(missing_ok=True)
                deleted += 1
    return deleted, is_needed


def _list_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _names(texts: AddressTexts, path: Path) -> bool:
    try:
        return texts.is_named_in_file(path)
    except FileNotFoundError:  # another process has deleted it
        return False

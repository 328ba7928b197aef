"""Shared by `pointsync backup` and `pointsync restore`: progress, and errors that name FILE."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError, to_one_line
from pointsync.cli.framework.progress import Progress
from pointsync.errors import Conflict

if TYPE_CHECKING:
    from pointsync.config import Config
    from pointsync.ops.backup import ProgressCallback

KEEPING_CODES = ("not_a_backup", "keeps_backup")
"""Codes of Conflict for a FILE that is not replaced."""


@contextmanager
def progress_reporter() -> "Iterator[ProgressCallback]":
    """A callback that prints progress on stderr, and raises CommandError after SIGTERM or Ctrl-C."""
    from pointsync.cli.framework.shutdown import StopSignal

    stop = StopSignal()
    with Progress() as progress:

        def report(action: str, done: int, total: int) -> None:
            if stop.is_requested:
                raise CommandError("Stopped. Nothing was changed.")
            progress.update(f"{done:,} of {total:,} {'pages' if action == 'copied' else 'bytes'} {action} …")

        yield report


@contextmanager
def file_errors(file: Path) -> Iterator[None]:
    """Turn errors about FILE into CommandError that names it."""
    from pointsync.ops.archive import BadBackup

    file_name = to_one_line(str(file)[:200])
    try:
        yield
    except BadBackup as error:
        raise CommandError(f"FILE: {file_name} {error.message}.") from None
    except Conflict as error:
        raise CommandError(
            f"FILE: {file_name}: {error.message}" if error.code in KEEPING_CODES else error.message
        ) from None
    except sqlite3.Error as error:
        raise CommandError(f"FILE: {file_name}: the database cannot be copied: {error}.") from None
    except OSError as error:
        other_file = getattr(error, "filename", None)
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(
            f"FILE: {file_name}: {reason}{f' ({other_file})' if other_file and str(other_file) != str(file) else ''}."
        ) from None


def check_not_site_file(file: Path, config: "Config", argument: str = "FILE") -> None:
    """Raise CommandError if the file that `argument` names is one of the site's own files."""
    from pointsync.ops.backup import database_path

    site_files = [config.data / name for name in ("secret_key", "secret_key.new", "marker")]
    if config.is_sqlite:
        site_files += [Path(f"{database_path(config)}{end}") for end in ("", "-wal", "-shm")]
    if file.exists() and any(each.exists() and each.samefile(file) for each in site_files):
        raise CommandError(
            f"{argument}: {to_one_line(str(file)[:200])} belongs to the site itself. Give another name.", EXIT_USAGE
        )

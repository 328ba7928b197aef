"""`pointsync restore`: replace the database with a backup."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError, to_one_line
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app
from pointsync.cli.ops.backup_files import check_not_site_file, file_errors, progress_reporter

if TYPE_CHECKING:
    from pointsync.ops.restore import RestoreResult


@click.command(cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Replace this site's database with the backup FILE. The site must be stopped.

    FILE may also be a copy of an SQLite database, such as those that an upgrade keeps. The replaced database is kept
    in the same folder. Afterwards the site sends nothing until you run pointsync confirm.
    """
    from pointsync import clock
    from pointsync.ops import restore as restores
    from pointsync.runtime import get_runtime

    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise CommandError(
            f"FILE: {to_one_line(str(file)[:200])} cannot be read: {error.strerror}.", EXIT_USAGE
        ) from None
    with get_app().app_context(), progress_reporter() as report_progress, file_errors(file):
        check_not_site_file(file, get_runtime().config)
        restored = restores.restore(file, clock.now(), report_progress)
    about = restored.archive.manifest
    document = {
        "file": str(file),
        "made_at": about.made_at,
        "version": about.version,
        "database": about.database,
        "kept": [str(each) for each in restored.kept_paths],
        "secret": restored.has_new_secret,
        "rotate_key": restored.needs_key_rotation,
        "hold": restored.hold_reason,
    }
    print_result(document, "\n".join(_summary_lines(restored)))


def _summary_lines(restored: "RestoreResult") -> Iterator[str]:
    about = restored.archive.manifest
    yield f"The database of {to_one_line(about.site)} was restored, from a backup of {about.made_at}."
    if restored.has_new_secret:
        yield "Its secret key was restored too. If others may know that key, run: pointsync rotate-key"
    if restored.needs_key_rotation:
        yield "It is encrypted with POINTSYNC_SECRET_KEY_OLD: run pointsync rotate-key before you start the site."
    for each in restored.kept_paths:
        yield f"The replaced file is kept: {to_one_line(str(each))}"
    yield (
        "Nothing is sent until you confirm what this database is. Start the site, wait some seconds until it has asked "
        "its remotes, then run: pointsync confirm restored (or copy, if the real site still runs)"
    )

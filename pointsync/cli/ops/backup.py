"""`pointsync backup`: all that the database holds, in one file."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_FAILURE, EXIT_USAGE, CommandError, to_one_line
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app
from pointsync.cli.ops.backup_files import check_not_site_file, file_errors, progress_reporter

if TYPE_CHECKING:
    from pointsync.config import Config

MEGABYTE = 1_000_000
SECRET_INCLUDED_WARNING = "It opens this site: keep it as you would a password."
KEY_NOT_INCLUDED_WARNING = (
    "It does not hold POINTSYNC_SECRET_KEY: keep that too, apart from it, for without it the backup cannot be restored."
)


@click.command(cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@click.option("--without-secret", is_flag=True, help="Leave out the secret that opens the database's secrets.")
def backup(file: Path, force: bool, without_secret: bool) -> None:
    """Write all that this site's database holds at this moment to FILE, while the site runs.

    With it goes the secret that PointSync has made; a POINTSYNC_SECRET_KEY of your own does not, nor do settings
    of the environment. FILE is there whole or not at all, and for its owner alone.
    """
    from pointsync import __version__, clock, db
    from pointsync.ops import backup as backups
    from pointsync.runtime import get_runtime
    from pointsync.web import secret_key

    with get_app().app_context(), progress_reporter() as report_progress, file_errors(file):
        _check_destination(file, get_runtime().config, force)
        if (problem := db.version_problem()) and problem != db.DATABASE_TOO_OLD:
            raise CommandError(problem)
        secret_key.verify_key()
        about, has_secret = backups.create(
            file, __version__, clock.now(), report_progress, with_secret=not without_secret
        )
    size = file.stat().st_size
    document = {
        "file": str(file),
        "made_at": about.made_at,
        "version": about.version,
        "database": about.database,
        "bytes": size,
        "secret": has_secret,
    }
    size_text = f"{size / MEGABYTE:,.1f} MB" if size >= MEGABYTE else f"{size:,} bytes"
    print_result(
        document,
        f"{size_text} are in {to_one_line(str(file))}. "
        + (SECRET_INCLUDED_WARNING if has_secret else KEY_NOT_INCLUDED_WARNING),
    )


def _check_destination(file: Path, config: "Config", force: bool) -> None:
    """Raises CommandError where a backup cannot lie, or where something does that was not meant to be replaced."""
    file_name = to_one_line(str(file)[:200])
    try:
        existing = file.stat()
    except FileNotFoundError:
        existing = None
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise CommandError(
            f"FILE: nothing can be written in {to_one_line(str(file.parent)[:200])}; give a folder that you own.",
            EXIT_USAGE,
        )
    if existing is None:
        return
    if not stat.S_ISREG(existing.st_mode):
        raise CommandError(f"FILE: {file_name} is no file; give a file's name, such as pointsync.zip.", EXIT_USAGE)
    check_not_site_file(file, config)
    if not force:
        raise CommandError(
            f"FILE: {file_name} is there already; give another name, or --force to take its place.", EXIT_FAILURE
        )

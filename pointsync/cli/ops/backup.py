"""`pointsync backup`: the whole database in one file."""

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
KEY_INCLUDED_WARNING = "It contains the site's secret key. Keep it as safe as a password."
KEY_NOT_INCLUDED_WARNING = (
    "It does not contain POINTSYNC_SECRET_KEY. Keep that key in another place: without it, the backup is useless."
)


@click.command(cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace an older backup of this site.")
@click.option("--without-secret", is_flag=True, help="Leave out the key that decrypts the database's secrets.")
def backup(file: Path, force: bool, without_secret: bool) -> None:
    """Write a backup of the database to FILE. The site may run.

    The backup includes the secret key that PointSync generated, but not a POINTSYNC_SECRET_KEY of your own and not
    the settings in the environment. FILE is written completely or not at all, and only its owner can read it.
    --force never replaces the backup of another site, or one with movements that this database no longer has.
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
        f"{to_one_line(str(file))} was written ({size_text}). "
        + (KEY_INCLUDED_WARNING if has_secret else KEY_NOT_INCLUDED_WARNING),
    )


def _check_destination(file: Path, config: "Config", force: bool) -> None:
    """Raise CommandError if FILE cannot be written, or exists and `force` is not set."""
    file_name = to_one_line(str(file)[:200])
    try:
        existing = file.stat()
    except FileNotFoundError:
        existing = None
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise CommandError(
            f"FILE: nothing can be written in {to_one_line(str(file.parent)[:200])}. Give a folder that you own.",
            EXIT_USAGE,
        )
    if existing is None:
        return
    if not stat.S_ISREG(existing.st_mode):
        raise CommandError(
            f"FILE: {file_name} is not a file. Give the name of a file, such as pointsync.zip.", EXIT_USAGE
        )
    check_not_site_file(file, config)
    if not force:
        raise CommandError(
            f"FILE: {file_name} exists already. Give another name, or --force to replace it.", EXIT_FAILURE
        )

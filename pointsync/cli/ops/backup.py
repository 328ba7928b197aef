"""`pointsync backup` and `pointsync restore`."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import REFUSED, WRONG, Fault, plain
from pointsync.cli.framework.output import give
from pointsync.cli.framework.progress import Progress
from pointsync.cli.framework.site_context import application

if TYPE_CHECKING:
    from pointsync.config import Config
    from pointsync.ops.backup import Say
    from pointsync.ops.restore import Restored

MEGABYTE = 1_000_000
OPENS = "It opens this site: keep it as you would a password."
NEEDS_KEY = (
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
    from pointsync.runtime import runtime
    from pointsync.web import secret_key

    with application().app_context(), _told() as say, _faults(file):
        _refuse_place(file, runtime().config, force)
        if (why := db.unfit()) and why != db.EARLIER:
            raise Fault(why)
        secret_key.settle()
        about, has_secret = backups.make(file, __version__, clock.now(), say, with_secret=not without_secret)
    size = file.stat().st_size
    document = {
        "file": str(file),
        "made_at": about.made_at,
        "version": about.version,
        "database": about.database,
        "bytes": size,
        "secret": has_secret,
    }
    shown = f"{size / MEGABYTE:,.1f} MB" if size >= MEGABYTE else f"{size:,} bytes"
    give(document, f"{shown} are in {plain(str(file))}. " + (OPENS if has_secret else NEEDS_KEY))


@click.command(cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Put the backup FILE in the place of this site's database, while the site is stopped.

    FILE may also be a copy of an SQLite database, such as those that are kept before an upgrade. The database that
    is there is kept beside it. What comes back sends nothing until pointsync confirm has said what it is.
    """
    from pointsync import clock
    from pointsync.ops import restore as restores
    from pointsync.runtime import runtime

    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise Fault(f"FILE: {plain(str(file)[:200])} cannot be read: {error.strerror}.", WRONG) from None
    with application().app_context(), _told() as say, _faults(file):
        _refuse_own(file, runtime().config)
        restored = restores.put_back(file, clock.now(), say)
    about = restored.archive.about
    document = {
        "file": str(file),
        "made_at": about.made_at,
        "version": about.version,
        "database": about.database,
        "kept": [str(each) for each in restored.kept],
        "secret": restored.secret_came,
        "rotate_key": restored.is_under_old,
        "hold": restored.hold,
    }
    give(document, "\n".join(_words(restored)))


def _words(restored: "Restored") -> Iterator[str]:
    about = restored.archive.about
    yield f"The database is that of {plain(about.site)}, as it was at {about.made_at}."
    if restored.secret_came:
        yield "Its secret was restored with it; where others may know that one, run: pointsync rotate-key"
    if restored.is_under_old:
        yield "It is encrypted with POINTSYNC_SECRET_KEY_OLD: run pointsync rotate-key before you start the site."
    for each in restored.kept:
        yield f"What was there before is kept: {plain(str(each))}"
    yield (
        "Nothing is sent until you say what it is: pointsync confirm restored, or copy where the real site still runs. "
        "Start the site first, and say it once its remotes were asked what they hold, which takes some seconds."
    )


@contextmanager
def _told() -> "Iterator[Say]":
    """Progress on stderr, and an end in order when a signal asks for one."""
    from pointsync.cli.framework.shutdown import Stop

    stop = Stop()
    with Progress() as progress:

        def say(what: str, done: int, total: int) -> None:
            if stop.asked:
                raise Fault("Stopped; nothing has changed.")
            progress.tell(f"{done:,} of {total:,} {'pages' if what == 'copied' else 'bytes'} {what} …")

        yield say


@contextmanager
def _faults(file: Path) -> Iterator[None]:
    """What goes wrong with FILE, by its name."""
    from pointsync.ops.archive import BadBackup

    named = plain(str(file)[:200])
    try:
        yield
    except BadBackup as error:
        raise Fault(f"FILE: {named} {error.message}.") from None
    except sqlite3.Error as error:
        raise Fault(f"FILE: {named}: the database cannot be copied: {error}.") from None
    except OSError as error:
        where = getattr(error, "filename", None)
        why = getattr(error, "strerror", None) or str(error)
        raise Fault(f"FILE: {named}: {why}{f' ({where})' if where and str(where) != str(file) else ''}.") from None


def _refuse_place(file: Path, config: "Config", force: bool) -> None:
    """Raise Fault where a backup cannot lie, or where something does that was not meant to be replaced."""
    named = plain(str(file)[:200])
    try:
        there = file.stat()
    except FileNotFoundError:
        there = None
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise Fault(
            f"FILE: nothing can be written in {plain(str(file.parent)[:200])}; give a folder that you own.", WRONG
        )
    if there is None:
        return
    if not stat.S_ISREG(there.st_mode):
        raise Fault(f"FILE: {named} is no file; give a file's name, such as pointsync.zip.", WRONG)
    _refuse_own(file, config)
    if not force:
        raise Fault(f"FILE: {named} is there already; give another name, or --force to take its place.", REFUSED)


def _refuse_own(file: Path, config: "Config") -> None:
    """Raise Fault where FILE is one that the site itself works with."""
    from pointsync.ops.backup import database_file

    own = [config.data / name for name in ("secret_key", "secret_key.new", "marker")]
    if config.is_sqlite:
        own += [Path(f"{database_file(config)}{end}") for end in ("", "-wal", "-shm")]
    if any(each.exists() and each.samefile(file) for each in own):
        raise Fault(f"FILE: {plain(str(file)[:200])} belongs to the site itself; give another name.", WRONG)

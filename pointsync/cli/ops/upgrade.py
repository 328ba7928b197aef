"""`pointsync upgrade`."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give
from pointsync.cli.framework.site_context import application, warn_of_hold


@click.command(cls=Command)
def upgrade() -> None:
    """Bring the database to this version, or make it."""
    from pointsync import __version__, db, startup

    with application().app_context():
        was_current = db.is_current()
        warn_of_hold(startup.bring_up())
    text = "The database is at this version already." if was_current else "The database is at this version now."
    give({"version": __version__, "upgraded": not was_current}, text)

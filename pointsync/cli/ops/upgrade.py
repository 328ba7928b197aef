"""`pointsync upgrade`."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app, print_hold_warning


@click.command(cls=Command)
def upgrade() -> None:
    """Bring the database to this version, or make it."""
    from pointsync import __version__, db, startup

    with get_app().app_context():
        was_current = db.is_current()
        print_hold_warning(startup.prepare_database())
    text = "The database is at this version already." if was_current else "The database is at this version now."
    print_result({"version": __version__, "upgraded": not was_current}, text)

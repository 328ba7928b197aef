"""`pointsync upgrade`: the database at this version."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app, print_hold_warning


@click.command(cls=Command)
def upgrade() -> None:
    """Create the database, or upgrade it to this version."""
    from pointsync import __version__, db, startup

    with get_app().app_context():
        was_current = db.is_current()
        print_hold_warning(startup.prepare_database())
    text = "The database is already at this version." if was_current else "The database is now at this version."
    print_result({"version": __version__, "upgraded": not was_current}, text)

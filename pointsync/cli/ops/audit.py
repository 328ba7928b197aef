"""`pointsync audit`: who changed what."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import Line
from pointsync.cli.framework.site_context import on_site

MOST = 10_000
COLUMNS = {"at": "When", "words": "What", "how": "How", "address": "From where"}


@click.command(cls=Command)
@click.option("--limit", type=click.IntRange(1, MOST), default=50, help="How many, the newest first; 50 unless given.")
@click.option("--actor", type=Line(191), help="Only what this admin, API key or system account changed.")
@click.option("--noun", type=Line(32), help="Only changes of this, such as remote or setting.")
@on_site()
def audit(limit: int, actor: str | None, noun: str | None) -> None:
    """Show who changed what, when and from where, the newest first; secrets are never in it."""
    from pointsync.db import db
    from pointsync.reports import audit_log as log
    from pointsync.sync.site import general

    session = db.session()
    found = log.newest(session, log.Wanted(actor=actor, noun=noun), general.time_zone(session), limit)
    rows = [log.document(row) for row in found]
    give(rows, table(rows, COLUMNS, "No changes like that were made yet."))

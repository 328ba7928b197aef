"""`pointsync audit`: who changed what."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import SingleLine, WholeNumber
from pointsync.cli.framework.site_context import site_context

MAX_LIMIT = 10_000
COLUMNS = {"at": "When", "words": "What", "how": "How", "address": "From where"}


@click.command(cls=Command)
@click.option(
    "--limit", type=WholeNumber(1, MAX_LIMIT), default=50, help=f"How many entries. Default: 50; at most {MAX_LIMIT:,}."
)
@click.option("--actor", type=SingleLine(191), help="Only changes by this admin, API key or system account.")
@click.option("--noun", type=SingleLine(32), help="Only changes of this kind of thing, such as remote or setting.")
@site_context()
def audit(limit: int, actor: str | None, noun: str | None) -> None:
    """Show who changed what, when and from where, newest first. It never shows secrets."""
    from pointsync import db
    from pointsync.reports import audit_log
    from pointsync.sync.site import general

    session = db.session()
    entries = audit_log.list_newest(
        session, audit_log.Filter(actor=actor, noun=noun), general.get_time_zone(session), limit
    )
    rows = [audit_log.to_json(row) for row in entries]
    print_result(rows, table_printer(rows, COLUMNS, "No changes found."))

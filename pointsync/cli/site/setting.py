"""`pointsync setting`: what an admin changes while the site runs."""

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, note, table
from pointsync.cli.framework.site_context import change, on_site

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLUMNS = {"name": "Name", "value": "Value", "default": "Default", "low": "From", "high": "To", "help": ""}


@click.group(cls=Group)
def setting() -> None:
    """Settings that take effect at once, without a restart."""


@setting.command("list")
@on_site()
def list_settings() -> None:
    """List the settings."""
    from pointsync.db import db
    from pointsync.sync.site import settings

    rows = settings.listing(db.session())
    give(rows, table(rows, COLUMNS, "", numbers=("value", "default", "low", "high")))


@setting.command("set")
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="VALUE")
@on_site()
def set_setting(name: str, value: str) -> None:
    """Set NAME to VALUE."""
    from pointsync.db import db
    from pointsync.ledger import mail_queue
    from pointsync.mail import sender
    from pointsync.runtime import runtime
    from pointsync.sync.site import settings

    config = runtime().config

    def work(session: "Session") -> str | None:
        if name == mail_queue.SWITCH:  # what it needs is looked at, and what waits is dropped
            return sender.switch(session, config, value)
        return settings.change(session, name, value)

    warning = change(work)
    stored = next(row["value"] for row in settings.listing(db.session()) if row["name"] == name)
    if warning:
        note(warning)
    give({"name": name, "value": stored} | ({"warning": warning} if warning else {}), f"{name} is {stored} now.")

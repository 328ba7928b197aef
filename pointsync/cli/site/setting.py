"""`pointsync setting`: settings that admins change while the site runs."""

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLUMNS = {"name": "Name", "value": "Value", "default": "Default", "low": "From", "high": "To", "help": ""}


@click.group(cls=Group)
def setting() -> None:
    """Settings that take effect at once, without a restart."""


@setting.command("list")
@site_context()
def list_settings() -> None:
    """List the settings."""
    from pointsync import db
    from pointsync.sync.site import settings

    rows = settings.list_json(db.session())
    print_result(rows, table_printer(rows, COLUMNS, "", number_columns=("value", "default", "low", "high")))


@setting.command("set")
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="VALUE")
@site_context()
def set_setting(name: str, value: str) -> None:
    """Set NAME to VALUE."""
    from pointsync import db
    from pointsync.ledger import mail_queue
    from pointsync.mail import sender
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import settings

    config = get_runtime().config

    def save(session: "Session") -> str | None:
        if name == mail_queue.ENABLED_SETTING:  # this checks the mail settings, and drops queued mails
            return sender.set_enabled(session, config, value)
        return settings.change(session, name, value)

    warning = transact(save)
    stored = next(row["value"] for row in settings.list_json(db.session()) if row["name"] == name)
    if warning:
        print_note(warning)
    print_result(
        {"name": name, "value": stored} | ({"warning": warning} if warning else {}), f"{name} is now {stored}."
    )

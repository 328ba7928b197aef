"""`pointsync origin hand-on` and `allow-hand-on`: the movements of a site that is gone for good."""

from typing import Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.site_context import COMMAND_SOURCE, site_context, transact

JOB_COLUMNS = {
    "origin": "Site",
    "remote": "Remote",
    "state": "State",
    "sent": "Sent",
    "total": "Of",
    "applied": "New there",
    "refused": "Refused",
    "message": "Problem",
}
PERMISSION_COLUMNS = {"origin": "Site", "sender": "Handed on by", "allowed_at": "Since", "allowed_by": "Allowed by"}
NUMBERS = ("remote", "sent", "total", "applied", "refused")


@click.command("hand-on", cls=Command)
@click.argument("auth", required=False)
@click.option("--stop", is_flag=True, help="Stop it. What was handed on stays.")
@site_context()
def hand_on(auth: str | None, stop: bool) -> None:
    """Hand on the movements of the site AUTH, which is gone for good, to all remotes that lack them.

    The admin of each remote must allow it there: pointsync origin allow-hand-on. It runs while serve or worker runs.
    Without AUTH, show what is handed on.
    """
    from pointsync import clock, db, ids
    from pointsync.sync.hand_on import jobs

    if auth is None and stop:
        raise click.UsageError("--stop needs AUTH.")
    if auth is not None:
        act = jobs.stop if stop else jobs.start
        transact(lambda session: act(session, auth, clock.now()))
    rows = [jobs.to_json(job) for job in jobs.list_all(db.session(), auth and ids.normalise_auth(auth.strip()))]
    print_result(rows, table_printer(rows, JOB_COLUMNS, "Nothing is handed on.", NUMBERS))


@click.command("allow-hand-on", cls=Command)
@click.argument("auth", required=False)
@click.option("--by", "sender", metavar="SENDER", help="The Auth of the site that hands them on.")
@click.option("--withdraw", is_flag=True, help="End the permission. What was handed on stays.")
@site_context()
def allow_hand_on(auth: str | None, sender: str | None, withdraw: bool) -> None:
    """Allow the site SENDER to hand on the movements of the site AUTH to this one.

    Without AUTH, list what is allowed.
    """
    from pointsync import clock, db
    from pointsync.sync.hand_on import permissions

    if (auth is None) != (sender is None) or (withdraw and auth is None):
        raise click.UsageError("Give AUTH and --by SENDER.")
    if auth is not None and sender is not None:
        transact(
            lambda session: (
                permissions.withdraw(session, auth, sender)
                if withdraw
                else permissions.allow(session, auth, sender, COMMAND_SOURCE, clock.now())
            )
        )
    rows: list[dict[str, Any]] = permissions.list_json(db.session())
    print_result(rows, table_printer(rows, PERMISSION_COLUMNS, "No site may hand on another one's movements."))


COMMANDS = (hand_on, allow_hand_on)

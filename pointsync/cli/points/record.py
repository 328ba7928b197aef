"""`pointsync record`: record a movement."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.options import RESERVE_OPTION
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import BALANCE, EMAIL, POINTS, SingleLine
from pointsync.cli.framework.site_context import COMMAND_SOURCE, site_context, transact
from pointsync.text_limits import MAX_REASON_LENGTH, MAX_REF_LENGTH

KINDS = ("earn", "spend", "refund", "manual", "redeem", "import", "opening", "correction")
STATUS_NOTES = {
    "recorded": "",
    "duplicate": " It was recorded before.",
    "unchanged": " The balance did not change.",
}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("points", type=POINTS, metavar="POINTS", required=False)
@click.option("--set", "set_to", type=BALANCE, metavar="N", help="Set the balance to N, instead of POINTS.")
@RESERVE_OPTION
@click.option("--reason", type=SingleLine(MAX_REASON_LENGTH), default="", help="A text that people see.")
@click.option("--kind", type=click.Choice(KINDS), help="Default: earn or spend, by the sign.")
@click.option("--ref", type=SingleLine(MAX_REF_LENGTH), help="Your own id. The same id a second time changes nothing.")
def record(
    email: str,
    points: int | None,
    set_to: int | None,
    reserve_key: str,
    reason: str,
    kind: str | None,
    ref: str | None,
) -> None:
    """Record a movement of POINTS, such as 25 or -50, for the customer with this EMAIL."""
    if (points is None) == (set_to is None):
        raise click.UsageError("Give either POINTS or --set N, and only one of them.")
    with site_context():
        from pointsync import clock
        from pointsync.ledger import record as ledger_record

        draft = ledger_record.Draft(
            email, points, set_to, reserve=reserve_key, kind=kind, reason=reason, ref=ref, is_entered=True
        )
        [result] = transact(lambda session: ledger_record.record(session, [draft], COMMAND_SOURCE, clock.now()))
        movement = result.movement
        text = f"{result.email}: {movement.points:+,} points in {result.reserve_key}, now {movement.balance:,}."
        print_result(result.to_json(), text + STATUS_NOTES[result.status])

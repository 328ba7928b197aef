"""`pointsync record`: a movement."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import BALANCE, EMAIL, POINTS, RESERVE_KEY, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_REASON_LENGTH, MAX_REF_LENGTH

KINDS = ("earn", "spend", "refund", "manual", "redeem", "import", "opening", "correction")
SOURCE = "command"
STATUS_NOTES = {
    "recorded": "",
    "duplicate": " This was recorded before.",
    "unchanged": " The balance was that already.",
}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("points", type=POINTS, metavar="POINTS", required=False)
@click.option("--set", "set_to", type=BALANCE, metavar="N", help="Set the balance to N, in place of POINTS.")
@click.option(
    "--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", default="default", help="default unless given."
)
@click.option("--reason", type=SingleLine(MAX_REASON_LENGTH), default="", help="What people see beside it.")
@click.option("--kind", type=click.Choice(KINDS), help="earn or spend, by the sign, unless given.")
@click.option("--ref", type=SingleLine(MAX_REF_LENGTH), help="An id of your own: the same again changes nothing.")
def record(
    email: str,
    points: int | None,
    set_to: int | None,
    reserve_key: str,
    reason: str,
    kind: str | None,
    ref: str | None,
) -> None:
    """Record a movement of POINTS for the customer with that EMAIL, such as 25 or -50."""
    if (points is None) == (set_to is None):
        raise click.UsageError("Give either POINTS or --set N, and only one of them.")
    with site_context():
        from pointsync import clock
        from pointsync.ledger import record as ledger_record

        draft = ledger_record.Draft(email, points, set_to, reserve=reserve_key, kind=kind, reason=reason, ref=ref)
        [recorded] = transact(lambda session: ledger_record.record(session, [draft], SOURCE, clock.now()))
        text = f"{recorded.email}: {recorded.movement.points:+,} points in {recorded.reserve_key}, now {recorded.movement.balance:,}."
        print_result(recorded.to_json(), text + STATUS_NOTES[recorded.status])

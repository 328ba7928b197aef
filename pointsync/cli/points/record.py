"""`pointsync record`: a movement."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give
from pointsync.cli.framework.param_types import BALANCE, EMAIL, POINTS, RESERVE, Line
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_REASON, MAX_REF

KINDS = ("earn", "spend", "refund", "manual", "redeem", "import", "opening", "correction")
SOURCE = "command"
SAID = {"recorded": "", "duplicate": " This was recorded before.", "unchanged": " The balance was that already."}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("points", type=POINTS, metavar="POINTS", required=False)
@click.option("--set", "set_to", type=BALANCE, metavar="N", help="Set the balance to N, in place of POINTS.")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", default="default", help="default unless given.")
@click.option("--reason", type=Line(MAX_REASON), default="", help="What people see beside it.")
@click.option("--kind", type=click.Choice(KINDS), help="earn or spend, by the sign, unless given.")
@click.option("--ref", type=Line(MAX_REF), help="An id of your own: the same again changes nothing.")
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
    with on_site():
        from pointsync import clock
        from pointsync.ledger import record as ledger

        draft = ledger.Draft(email, points, set_to, reserve=reserve_key, kind=kind, reason=reason, ref=ref)
        [made] = change(lambda session: ledger.record(session, [draft], SOURCE, clock.now()))
        said = f"{made.email}: {made.movement.points:+,} points in {made.reserve_key}, now {made.movement.balance:,}."
        give(made.shape, said + SAID[made.status])

"""`pointsync why`: explain a customer's balance."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import to_one_line
from pointsync.cli.framework.options import RESERVE_FILTER_OPTION
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL
from pointsync.cli.framework.site_context import site_context

if TYPE_CHECKING:
    from pointsync.reports.balance_breakdown import BalanceBreakdown

MAX_LOSSES = 3
COLUMNS = {"site": "Recorded at", "kind": "Kind", "movements": "Movements", "points": "Points"}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@RESERVE_FILTER_OPTION
@site_context()
def why(email: str, reserve_key: str | None) -> None:
    """Explain a customer's balance: movements by site and kind, what waits, and what will expire."""
    from pointsync import clock, db
    from pointsync.ledger import customers, reserves
    from pointsync.ledger.outbox import get_local_auth
    from pointsync.reports.balance_breakdown import explain, to_json
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import general, names

    session = db.session()
    customer = customers.get(session, email)
    if reserve_key:
        listed_reserves = [reserves.get(session, reserve_key)]
    else:
        reserve_keys = {each.reserve for each in customers.list_balances(session, customer)}
        listed_reserves = [each for each in reserves.list_all(session) if each.key in reserve_keys]
    site_names, local_auth, zone = (
        names.read(session, get_runtime().config),
        get_local_auth(session),
        general.get_time_zone(session),
    )
    breakdowns = [
        explain(session, customer, reserve, site_names, local_auth, zone, clock.now()) for reserve in listed_reserves
    ]
    documents = [to_json(each) for each in breakdowns]
    print_result({"customer": customer.email, "reserves": documents}, _printer(breakdowns, documents))


def _printer(breakdowns: "list[BalanceBreakdown]", documents: list[dict[str, Any]]) -> Callable[[], None]:
    def print_all() -> None:
        if not breakdowns:
            click.echo("No points yet.")
        for breakdown, document in zip(breakdowns, documents, strict=True):
            click.echo(f"{breakdown.reserve.key}: {_summary(breakdown)}")
            table_printer(document["parts"], COLUMNS, "No movements.", number_columns=("movements", "points"))()
            for line in _detail_lines(breakdown):
                click.echo(line)

    return print_all


def _summary(breakdown: "BalanceBreakdown") -> str:
    if breakdown.adds_up:
        return f"{breakdown.balance:,}. The {breakdown.movements:,} movements add up to the balance."
    return (
        f"The balance is {breakdown.balance:,}, but the {breakdown.movements:,} movements add up to "
        f"{breakdown.sum:,}: the database was changed without PointSync. Run: pointsync verify"
    )


def _detail_lines(breakdown: "BalanceBreakdown") -> list[str]:
    waiting_lines = [
        f"{to_one_line(each.remote_name)}: {each.waiting:,} waiting, {each.refused:,} refused."
        for each in breakdown.outstanding
    ]
    losses = breakdown.losses or ()
    loss_lines = [
        f"{loss.points:,} will expire on {loss.day}, unless something moves before." for loss in losses[:MAX_LOSSES]
    ]
    if len(losses) > MAX_LOSSES:
        loss_lines.append(f"{sum(loss.points for loss in losses):,} will expire within a year.")
    level_lines = [
        f"Level {to_one_line(level.title)} reached on {unlock.at:%Y-%m-%d}." for unlock, level in breakdown.levels
    ]
    return [*waiting_lines, *loss_lines, *level_lines]

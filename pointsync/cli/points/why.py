"""`pointsync why`: what made a customer's balance."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import to_one_line
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, RESERVE_KEY
from pointsync.cli.framework.site_context import site_context

if TYPE_CHECKING:
    from pointsync.reports.balance_breakdown import BalanceBreakdown

MAX_LOSSES = 3
COLUMNS = {"site": "Made at", "kind": "Kind", "movements": "Movements", "points": "Points"}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Only this points reserve.")
@site_context()
def why(email: str, reserve_key: str | None) -> None:
    """Explain a customer's balance: its movements by site and kind, what waits, and what will be lost."""
    from pointsync import clock, db
    from pointsync.ledger import customers, reserves
    from pointsync.ledger.outbox import get_local_auth
    from pointsync.reports.balance_breakdown import explain, to_json
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import general, names

    session = db.session()
    chosen_reserve = reserves.get(session, reserve_key) if reserve_key else None
    customer = customers.get(session, email)
    reserve_keys = {each["reserve"] for each in customers.list_balances(session, customer)}
    listed_reserves = (
        [chosen_reserve]
        if chosen_reserve
        else [each for each in reserves.list_all(session) if each.key in reserve_keys]
    )
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
        f"{breakdown.balance:,} is kept as the balance, but the {breakdown.movements:,} movements add up to {breakdown.sum:,}: "
        "somebody has changed the database past PointSync. Run: pointsync verify"
    )


def _detail_lines(breakdown: "BalanceBreakdown") -> list[str]:
    waiting_lines = [
        f"For {to_one_line(each.remote_name)} {each.waiting:,} waiting, {each.refused:,} refused."
        for each in breakdown.outstanding
    ]
    losses = breakdown.losses or ()
    loss_lines = [
        f"{loss.points:,} will be lost on {loss.day}, if nothing moves before." for loss in losses[:MAX_LOSSES]
    ]
    if len(losses) > MAX_LOSSES:
        loss_lines.append(f"{sum(loss.points for loss in losses):,} will be lost within a year.")
    level_lines = [f"{to_one_line(level.title)} reached on {unlock.at:%Y-%m-%d}." for unlock, level in breakdown.levels]
    return [*waiting_lines, *loss_lines, *level_lines]

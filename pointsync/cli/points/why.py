"""`pointsync why`: what made a customer's balance."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import plain
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import EMAIL, RESERVE
from pointsync.cli.framework.site_context import on_site

if TYPE_CHECKING:
    from pointsync.reports.balance_breakdown import Why

MOST_LOSSES = 3
COLUMNS = {"site": "Made at", "kind": "Kind", "movements": "Movements", "points": "Points"}


@click.command(cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Only this points reserve.")
@on_site()
def why(email: str, reserve_key: str | None) -> None:
    """Explain a customer's balance: its movements by site and kind, what waits, and what will be lost."""
    from pointsync import clock
    from pointsync.db import db
    from pointsync.ledger import customers, reserves
    from pointsync.ledger.outbox import own_auth
    from pointsync.reports.balance_breakdown import document, explain
    from pointsync.runtime import runtime
    from pointsync.sync.site import general, names

    session = db.session()
    only = reserves.get(session, reserve_key) if reserve_key else None
    customer = customers.get(session, email)
    held = {each["reserve"] for each in customers.balances(session, customer)}
    pots = [only] if only else [each for each in reserves.every(session) if each.key in held]
    known, own, zone = names.read(session, runtime().config), own_auth(session), general.time_zone(session)
    found = [explain(session, customer, pot, known, own, zone, clock.now()) for pot in pots]
    documents = [document(each) for each in found]
    give({"customer": customer.email, "reserves": documents}, _words(found, documents))


def _words(found: "list[Why]", documents: list[dict[str, Any]]) -> Callable[[], None]:
    def show() -> None:
        if not found:
            click.echo("No points yet.")
        for why, document in zip(found, documents, strict=True):
            click.echo(f"{why.reserve.key}: {_verdict(why)}")
            table(document["parts"], COLUMNS, "No movements.", numbers=("movements", "points"))()
            for line in _lines(why):
                click.echo(line)

    return show


def _verdict(why: "Why") -> str:
    if why.adds_up:
        return f"{why.balance:,}. The {why.movements:,} movements add up to the balance."
    return (
        f"{why.balance:,} is kept as the balance, but the {why.movements:,} movements add up to {why.sum:,}: "
        "somebody has changed the database past PointSync. Run: pointsync verify"
    )


def _lines(why: "Why") -> list[str]:
    waiting = [f"For {plain(each.remote)} {each.waiting:,} waiting, {each.refused:,} refused." for each in why.owed]
    losses = why.losses or ()
    lost = [f"{loss.points:,} will be lost on {loss.day}, if nothing moves before." for loss in losses[:MOST_LOSSES]]
    if len(losses) > MOST_LOSSES:
        lost.append(f"{sum(loss.points for loss in losses):,} will be lost within a year.")
    reached = [f"{plain(level.title)} reached on {unlock.at:%Y-%m-%d}." for unlock, level in why.reached]
    return [*waiting, *lost, *reached]

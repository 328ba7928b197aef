"""`pointsync reserve`: points reserves."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import RESERVE, Line
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_NAME

if TYPE_CHECKING:
    from pointsync.models import Reserve


@click.group(cls=Group)
def reserve() -> None:
    """Points reserves: named pots of points."""


@reserve.command("list")
@on_site()
def list_reserves() -> None:
    """List the points reserves."""
    from pointsync.db import db
    from pointsync.ledger import reserves

    rows = [_shape(each) for each in reserves.every(db.session())]
    columns = {"key": "Key", "name": "Name", "active": "Active", "may_go_below_zero": "May go below zero"}
    give(rows, table(rows, columns, "There is no points reserve."))


@reserve.command("add")
@click.argument("key", type=RESERVE, metavar="KEY")
@click.option("--name", type=Line(MAX_NAME), help="What people see; the key unless given.")
@on_site()
def add_reserve(key: str, name: str | None) -> None:
    """Add a points reserve. Its key never changes and is never used again."""
    from pointsync import clock
    from pointsync.ledger import reserves

    made = _shape(change(lambda session: reserves.add(session, key, name, clock.now())))
    give(made, f"The points reserve {key} is made.")


def _shape(each: "Reserve") -> dict[str, Any]:
    return {
        "key": each.key,
        "name": each.name,
        "active": each.is_active,
        "may_go_below_zero": each.may_go_below_zero,
    }

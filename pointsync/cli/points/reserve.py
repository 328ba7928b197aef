"""`pointsync reserve`: points reserves."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import RESERVE_KEY, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from pointsync.models import Reserve


@click.group(cls=Group)
def reserve() -> None:
    """Points reserves: named pots of points."""


@reserve.command("list")
@site_context()
def list_reserves() -> None:
    """List the points reserves."""
    from pointsync import db
    from pointsync.ledger import reserves

    rows = [_to_json(each) for each in reserves.list_all(db.session())]
    columns = {"key": "Key", "name": "Name", "active": "Active", "may_go_below_zero": "May go below zero"}
    print_result(rows, table_printer(rows, columns, "There is no points reserve."))


@reserve.command("add")
@click.argument("key", type=RESERVE_KEY, metavar="KEY")
@click.option("--name", type=SingleLine(MAX_NAME_LENGTH), help="What people see; the key unless given.")
@site_context()
def add_reserve(key: str, name: str | None) -> None:
    """Add a points reserve. Its key never changes and is never used again."""
    from pointsync import clock
    from pointsync.ledger import reserves

    document = _to_json(transact(lambda session: reserves.create(session, key, name, clock.now())))
    print_result(document, f"The points reserve {key} is made.")


def _to_json(row: "Reserve") -> dict[str, Any]:
    return {
        "key": row.key,
        "name": row.name,
        "active": row.is_active,
        "may_go_below_zero": row.may_go_below_zero,
    }

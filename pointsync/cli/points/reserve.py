"""`pointsync reserve`: points reserves."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import RESERVE_KEY, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_NAME_LENGTH

COLUMNS = {"key": "Key", "name": "Name", "active": "Active", "may_go_below_zero": "May go below zero"}


@click.group(cls=Group)
def reserve() -> None:
    """Points reserves: where customers' points are kept."""


@reserve.command("list")
@site_context()
def list_reserves() -> None:
    """List the points reserves."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.reserve_json import Reserve

    rows = [Reserve.from_row(each) for each in reserves.list_all(db.session())]
    print_result(rows, table_printer(rows, COLUMNS, "There are no points reserves."))


@reserve.command("add")
@click.argument("key", type=RESERVE_KEY, metavar="KEY")
@click.option("--name", type=SingleLine(MAX_NAME_LENGTH), help="The name that people see. Default: the key.")
@site_context()
def add_reserve(key: str, name: str | None) -> None:
    """Add a points reserve. Its key never changes and is never used again."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.reserve_json import Reserve

    row = transact(lambda session: reserves.create(session, key, name, clock.now()))
    print_result(Reserve.from_row(row), f"The points reserve {key} was added.")

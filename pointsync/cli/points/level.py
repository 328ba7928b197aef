"""`pointsync level`: levels that customers reach by their points."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.options import RESERVE_OPTION
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import SingleLine, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_TITLE_LENGTH

COLUMNS = {"id": "Id", "title": "Title", "points": "Points", "active": "Active", "description": "Description"}


@click.group(cls=Group)
def level() -> None:
    """Levels: customers reach them at a number of points. They cost nothing."""


@level.command("list")
@RESERVE_OPTION
@site_context()
def list_levels(reserve_key: str) -> None:
    """List the levels of a points reserve, lowest first."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels
    from pointsync.ledger.rewards.reward_json import Level

    session = db.session()
    rows = [Level.from_row(each) for each in levels.list_all(session, reserves.get(session, reserve_key))]
    empty_message = "There are no levels yet. Add one: pointsync level add TITLE POINTS"
    print_result(rows, table_printer(rows, COLUMNS, empty_message, number_columns=("id", "points")))


@level.command("add")
@click.argument("title", type=SingleLine(MAX_TITLE_LENGTH), metavar="TITLE")
@click.argument("points", type=WholeNumber(1, MAX_POINTS), metavar="POINTS")
@RESERVE_OPTION
@click.option("--description", type=SingleLine(MAX_DESCRIPTION_LENGTH), default="", help="A text below the title.")
@site_context()
def add_level(title: str, points: int, reserve_key: str, description: str) -> None:
    """Add a level that customers reach at POINTS.

    Customers who already have that many points reach it as soon as the site runs.
    """
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels
    from pointsync.ledger.rewards.reward_json import Level

    row = transact(
        lambda session: levels.create(
            session, reserves.get(session, reserve_key), title, description, points, clock.now()
        )
    )
    print_result(Level.from_row(row), f"The level {row.title} was added, with the id {row.id}.")

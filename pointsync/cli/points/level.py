"""`pointsync level`: what customers reach by their points."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import SingleLine, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.points.reward import RESERVE_OPTION
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_TITLE_LENGTH

if TYPE_CHECKING:
    from pointsync.models import Level


@click.group(cls=Group)
def level() -> None:
    """Levels: reached at a number of points, which they never cost."""


@level.command("list")
@RESERVE_OPTION
@site_context()
def list_levels(reserve_key: str) -> None:
    """List the levels of a points reserve, the lowest first."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels

    session = db.session()
    rows = [_to_json(each) for each in levels.list_all(session, reserves.get(session, reserve_key))]
    columns = {"id": "Id", "title": "Title", "points": "Points", "active": "Active", "description": "Description"}
    empty = "There is no level yet; make one: pointsync level add TITLE POINTS"
    print_result(rows, table_printer(rows, columns, empty, number_columns=("id", "points")))


@level.command("add")
@click.argument("title", type=SingleLine(MAX_TITLE_LENGTH), metavar="TITLE")
@click.argument("points", type=WholeNumber(1, MAX_POINTS), metavar="POINTS")
@RESERVE_OPTION
@click.option(
    "--description", type=SingleLine(MAX_DESCRIPTION_LENGTH), default="", help="What people see below the title."
)
@site_context()
def add_level(title: str, points: int, reserve_key: str, description: str) -> None:
    """Add a level that is reached at so many POINTS. Who has them already reaches it as soon as the site runs."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels

    row = transact(
        lambda session: levels.create(
            session, reserves.get(session, reserve_key), title, description, points, clock.now()
        )
    )
    print_result(_to_json(row), f"The level {row.title} is made, with the id {row.id}.")


def _to_json(row: "Level") -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "points": row.points,
        "active": row.is_active,
    }

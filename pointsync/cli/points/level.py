"""`pointsync level`: what customers reach by their points."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import Line, Whole
from pointsync.cli.framework.site_context import change, on_site
from pointsync.cli.points.reward import KEY
from pointsync.text_limits import MAX_DESCRIPTION, MAX_POINTS, MAX_TITLE

if TYPE_CHECKING:
    from pointsync.models import Level


@click.group(cls=Group)
def level() -> None:
    """Levels: reached at a number of points, which they never cost."""


@level.command("list")
@KEY
@on_site()
def list_levels(reserve_key: str) -> None:
    """List the levels of a points reserve, the lowest first."""
    from pointsync.db import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels

    session = db.session()
    rows = [_shape(each) for each in levels.every(session, reserves.get(session, reserve_key))]
    columns = {"id": "Id", "title": "Title", "points": "Points", "active": "Active", "description": "Description"}
    empty = "There is no level yet; make one: pointsync level add TITLE POINTS"
    give(rows, table(rows, columns, empty, numbers=("id", "points")))


@level.command("add")
@click.argument("title", type=Line(MAX_TITLE), metavar="TITLE")
@click.argument("points", type=Whole(1, MAX_POINTS), metavar="POINTS")
@KEY
@click.option("--description", type=Line(MAX_DESCRIPTION), default="", help="What people see below the title.")
@on_site()
def add_level(title: str, points: int, reserve_key: str, description: str) -> None:
    """Add a level that is reached at so many POINTS. Who has them already reaches it as soon as the site runs."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import levels

    made = change(
        lambda session: levels.add(session, reserves.get(session, reserve_key), title, description, points, clock.now())
    )
    give(_shape(made), f"The level {made.title} is made, with the id {made.id}.")


def _shape(each: "Level") -> dict[str, Any]:
    return {
        "id": each.id,
        "title": each.title,
        "description": each.description,
        "points": each.points,
        "active": each.is_active,
    }

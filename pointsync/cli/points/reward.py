"""`pointsync reward`: what customers redeem their points for."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import EMAIL, RESERVE, REWARD, Line, Whole
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_DESCRIPTION, MAX_POINTS, MAX_REF, MAX_TITLE

if TYPE_CHECKING:
    from pointsync.models import Reward

SOURCE = "command"
KEY = click.option(
    "--reserve", "reserve_key", type=RESERVE, metavar="KEY", default="default", help="default unless given."
)


@click.group(cls=Group)
def reward() -> None:
    """Rewards: what customers redeem their points for."""


@reward.command("list")
@KEY
@on_site()
def list_rewards(reserve_key: str) -> None:
    """List the rewards of a points reserve, the cheapest first."""
    from pointsync.db import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    session = db.session()
    rows = [_shape(each) for each in rewards.every(session, reserves.get(session, reserve_key))]
    columns = {"id": "Id", "title": "Title", "cost": "Cost", "active": "Active", "description": "Description"}
    empty = "There is no reward yet; make one: pointsync reward add TITLE COST"
    give(rows, table(rows, columns, empty, numbers=("id", "cost")))


@reward.command("add")
@click.argument("title", type=Line(MAX_TITLE), metavar="TITLE")
@click.argument("cost", type=Whole(1, MAX_POINTS), metavar="COST")
@KEY
@click.option("--description", type=Line(MAX_DESCRIPTION), default="", help="What people see below the title.")
@on_site()
def add_reward(title: str, cost: int, reserve_key: str, description: str) -> None:
    """Add a reward that takes COST points. Other sites need the same one."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    made = change(
        lambda session: rewards.add(session, reserves.get(session, reserve_key), title, description, cost, clock.now())
    )
    give(_shape(made), f"The reward {made.title} is made, with the id {made.id}.")


@reward.command("redeem")
@click.argument("reward_id", type=REWARD, metavar="ID")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@KEY
@click.option("--ref", type=Line(MAX_REF), help="An id of your own: the same again changes nothing.")
@on_site()
def redeem_reward(reward_id: int, email: str, reserve_key: str, ref: str | None) -> None:
    """Redeem the reward with that ID for the customer with that EMAIL."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    made = change(
        lambda session: rewards.redeem(
            session, reserves.get(session, reserve_key), reward_id, email, ref, SOURCE, clock.now()
        )
    )
    said = f"{made.email}: {made.movement.reason}, {made.movement.points:+,} points in {made.reserve_key}"
    if made.status == "duplicate":
        give(made.shape, f"{said}. This was redeemed before.")
    else:
        give(made.shape, f"{said}, now {made.movement.balance:,}.")


def _shape(each: "Reward") -> dict[str, Any]:
    return {
        "id": each.id,
        "title": each.title,
        "description": each.description,
        "cost": each.cost,
        "active": each.is_active,
    }

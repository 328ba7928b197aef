"""`pointsync reward`: what customers redeem their points for."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, RESERVE_KEY, REWARD_ID, SingleLine, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_REF_LENGTH, MAX_TITLE_LENGTH

if TYPE_CHECKING:
    from pointsync.models import Reward

SOURCE = "command"
RESERVE_OPTION = click.option(
    "--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", default="default", help="default unless given."
)


@click.group(cls=Group)
def reward() -> None:
    """Rewards: what customers redeem their points for."""


@reward.command("list")
@RESERVE_OPTION
@site_context()
def list_rewards(reserve_key: str) -> None:
    """List the rewards of a points reserve, the cheapest first."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    session = db.session()
    rows = [_to_json(each) for each in rewards.list_all(session, reserves.get(session, reserve_key))]
    columns = {"id": "Id", "title": "Title", "cost": "Cost", "active": "Active", "description": "Description"}
    empty = "There is no reward yet; make one: pointsync reward add TITLE COST"
    print_result(rows, table_printer(rows, columns, empty, number_columns=("id", "cost")))


@reward.command("add")
@click.argument("title", type=SingleLine(MAX_TITLE_LENGTH), metavar="TITLE")
@click.argument("cost", type=WholeNumber(1, MAX_POINTS), metavar="COST")
@RESERVE_OPTION
@click.option(
    "--description", type=SingleLine(MAX_DESCRIPTION_LENGTH), default="", help="What people see below the title."
)
@site_context()
def add_reward(title: str, cost: int, reserve_key: str, description: str) -> None:
    """Add a reward that takes COST points. Other sites need the same one."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    row = transact(
        lambda session: rewards.create(
            session, reserves.get(session, reserve_key), title, description, cost, clock.now()
        )
    )
    print_result(_to_json(row), f"The reward {row.title} is made, with the id {row.id}.")


@reward.command("redeem")
@click.argument("reward_id", type=REWARD_ID, metavar="ID")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@RESERVE_OPTION
@click.option("--ref", type=SingleLine(MAX_REF_LENGTH), help="An id of your own: the same again changes nothing.")
@site_context()
def redeem_reward(reward_id: int, email: str, reserve_key: str, ref: str | None) -> None:
    """Redeem the reward with that ID for the customer with that EMAIL."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    recorded = transact(
        lambda session: rewards.redeem(
            session, reserves.get(session, reserve_key), reward_id, email, ref, SOURCE, clock.now()
        )
    )
    text = (
        f"{recorded.email}: {recorded.movement.reason}, {recorded.movement.points:+,} points in {recorded.reserve_key}"
    )
    if recorded.status == "duplicate":
        print_result(recorded.to_json(), f"{text}. This was redeemed before.")
    else:
        print_result(recorded.to_json(), f"{text}, now {recorded.movement.balance:,}.")


def _to_json(row: "Reward") -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "cost": row.cost,
        "active": row.is_active,
    }

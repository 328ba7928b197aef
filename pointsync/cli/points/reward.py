"""`pointsync reward`: rewards that customers redeem points for."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.options import RESERVE_OPTION
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, REWARD_ID, SingleLine, WholeNumber
from pointsync.cli.framework.site_context import COMMAND_SOURCE, site_context, transact
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_REF_LENGTH, MAX_TITLE_LENGTH

COLUMNS = {"id": "Id", "title": "Title", "cost": "Cost", "active": "Active", "description": "Description"}


@click.group(cls=Group)
def reward() -> None:
    """Rewards: customers redeem points for them."""


@reward.command("list")
@RESERVE_OPTION
@site_context()
def list_rewards(reserve_key: str) -> None:
    """List the rewards of a points reserve, cheapest first."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards
    from pointsync.ledger.rewards.reward_json import Reward

    session = db.session()
    rows = [Reward.from_row(each) for each in rewards.list_all(session, reserves.get(session, reserve_key))]
    empty_message = "There are no rewards yet. Add one: pointsync reward add TITLE COST"
    print_result(rows, table_printer(rows, COLUMNS, empty_message, number_columns=("id", "cost")))


@reward.command("add")
@click.argument("title", type=SingleLine(MAX_TITLE_LENGTH), metavar="TITLE")
@click.argument("cost", type=WholeNumber(1, MAX_POINTS), metavar="COST")
@RESERVE_OPTION
@click.option("--description", type=SingleLine(MAX_DESCRIPTION_LENGTH), default="", help="A text below the title.")
@site_context()
def add_reward(title: str, cost: int, reserve_key: str, description: str) -> None:
    """Add a reward that costs COST points. Add the same reward on the other sites too."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards
    from pointsync.ledger.rewards.reward_json import Reward

    row = transact(
        lambda session: rewards.create(
            session, reserves.get(session, reserve_key), title, description, cost, clock.now()
        )
    )
    print_result(Reward.from_row(row), f"The reward {row.title} was added, with the id {row.id}.")


@reward.command("redeem")
@click.argument("reward_id", type=REWARD_ID, metavar="ID")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@RESERVE_OPTION
@click.option("--ref", type=SingleLine(MAX_REF_LENGTH), help="Your own id. The same id a second time changes nothing.")
@site_context()
def redeem_reward(reward_id: int, email: str, reserve_key: str, ref: str | None) -> None:
    """Redeem the reward with this ID for the customer with this EMAIL."""
    from pointsync import clock
    from pointsync.ledger import reserves
    from pointsync.ledger.rewards import rewards

    result = transact(
        lambda session: rewards.redeem(
            session, reserves.get(session, reserve_key), reward_id, email, ref, COMMAND_SOURCE, clock.now()
        )
    )
    movement = result.movement
    text = f"{result.email}: {movement.reason}, {movement.points:+,} points in {result.reserve_key}"
    text += ". It was redeemed before." if result.status == "duplicate" else f", now {movement.balance:,}."
    print_result(result.to_json(), text)

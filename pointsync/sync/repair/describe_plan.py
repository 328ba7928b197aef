"""What a decision does, in sentences: for the panel and for commands."""

from pointsync.sync.comparison.differences import ALTERED_HERE, ALTERED_THERE, SAME_ID
from pointsync.sync.repair.plan import Plan


def list_steps(plan: Plan) -> list[str]:
    """The steps, in the order in which they are done."""
    return [_first_step(plan), *_adjustment_steps(plan)]


def _first_step(plan: Plan) -> str:
    content = f"{_signed(plan.original.points)} for {plan.original.customer}"
    if plan.kind == ALTERED_THERE:
        return f"Movement {plan.movement_id} is sent again, so that {plan.site_name} has {content} again, as recorded."
    if plan.kind == ALTERED_HERE:
        return (
            f"Movement {plan.movement_id} gets its original content back here: {content}, as {plan.site_name} has it."
        )
    if plan.kind == SAME_ID:
        return (
            f"Movement {plan.movement_id}, {content}, is fetched back from {plan.site_name}. "
            "The movement with the same id here gets a new id and is sent."
        )
    return f"Movement {plan.movement_id}, {content}, is fetched back from {plan.site_name}."


def _adjustment_steps(plan: Plan) -> list[str]:
    steps = []
    for each in plan.adjustments:
        points = f"{_signed(each.points)} for {each.customer}"
        if each.recorded_id:
            steps.append(f"{points} is not recorded again: an earlier decision did, as movement {each.recorded_id}.")
        else:
            steps.append(f"A new movement is recorded here and sent to all sites: {points}.")
    return steps or ["No new movement is recorded."]


def _signed(points: int) -> str:
    return f"{points:+,}".replace("-", "−")

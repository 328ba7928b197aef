"""Carrying out an admin's decision about a movement that is not the same on both sites."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Conflict
from pointsync.ledger import audit_recorder
from pointsync.ledger.fetch_back.insert_returned import lock_remotes
from pointsync.ledger.integrity import restore_row
from pointsync.ledger.record import Draft, record
from pointsync.models import Difference, Remote
from pointsync.sync.comparison import differences
from pointsync.sync.comparison.differences import ALTERED_HERE, UNKNOWN_HERE
from pointsync.sync.fetch_back.page import FetchedMovement
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.repair import remote_values, settle
from pointsync.sync.repair.bring_back import bring_back
from pointsync.sync.repair.plan import HERE, SOURCE, Content, Plan, adjustment_ref, changed_meanwhile, make_plan


def fetch_content(plan: Plan) -> FetchedMovement | None:
    """Fetch what `carry_out` needs from the remote, outside any transaction. Raises Conflict `not_fetched`."""
    if not plan.needs_fetch:
        return None
    try:
        return remote_values.fetch(plan.remote_id, [int(plan.movement_id)]).get(int(plan.movement_id))
    except RemoteError as error:
        raise Conflict("not_fetched", f"The movement could not be fetched. {error.message}") from error


def carry_out(session: Session, plan: Plan, fetched: FetchedMovement | None, now: datetime) -> list[str]:
    """Do what a plan says. Return the ids of the movements that were recorded for the difference in points.

    `fetched` comes from `fetch_content`. Raises Conflict `changed_meanwhile` if the difference is another one by now,
    and what recording raises.
    """
    lock_remotes(session)
    difference = differences.get(session, plan.remote_id, plan.movement_id, for_update=True)
    has_changed = make_plan(session, plan.remote_id, plan.movement_id, plan.choice).fingerprint != plan.fingerprint
    if plan.needs_fetch and not has_changed:
        has_changed = fetched is None or Content(fetched.customer, fetched.points) != plan.original
    if has_changed:
        raise changed_meanwhile()
    remote = session.get_one(Remote, plan.remote_id)
    _restore_original(session, plan, remote, difference, fetched, now)
    recorded_ids = _record_adjustments(session, plan, remote, now)
    audit_recorder.log_action(
        session,
        "decided about",
        "movement",
        plan.movement_id,
        normalise(plan.original.customer),
        before={"difference": plan.kind, "site": plan.site_name},
        after={"counts": plan.choice, "recorded": ", ".join(recorded_ids)},
    )
    _forget(session, difference)
    return recorded_ids


def _restore_original(
    session: Session,
    plan: Plan,
    remote: Remote,
    difference: Difference,
    fetched: FetchedMovement | None,
    now: datetime,
) -> None:
    """Let both sites hold the original: now, or when the remote has received it again."""
    if fetched is not None:
        bring_back(session, remote, fetched, now)
    elif plan.kind == ALTERED_HERE:
        original = plan.original
        restore_row.restore(session, difference.origin, plan.movement_id, original.points, original.customer, now)
    else:
        movement_id = int(plan.movement_id)
        settle.send_again(session, remote, settle.load_own(session, remote, movement_id, movement_id)[movement_id])


def _record_adjustments(session: Session, plan: Plan, remote: Remote, now: datetime) -> list[str]:
    whose = "here" if plan.choice == HERE else "of another site"
    drafts = [
        Draft(
            each.customer,
            each.points,
            reserve=remote.reserve.key,
            kind="manual",
            reason=f"Movement {plan.movement_id} differed between two sites; the value {whose} counts",
            ref=adjustment_ref(plan.movement_id, each.customer, each.points),
        )
        for each in plan.adjustments
    ]
    return [each.movement.id for each in record(session, drafts, SOURCE, now)] if drafts else []


def _forget(session: Session, difference: Difference) -> None:
    """The difference is decided; what this site has restored or fetched back, it has for all remotes."""
    conditions = [Difference.origin == difference.origin, Difference.movement_id == difference.movement_id]
    if difference.kind in (ALTERED_HERE, UNKNOWN_HERE):
        conditions.append(Difference.kind == difference.kind)
    else:
        conditions.append(Difference.remote_id == difference.remote_id)
    session.execute(delete(Difference).where(*conditions))
    session.flush()

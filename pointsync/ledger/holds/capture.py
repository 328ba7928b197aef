"""Capturing a hold: its points are taken by a movement, and the rest is free again.

Until its end, a capture always succeeds: the shop has counted on these points. If a movement of another site has spent
them meanwhile, the balance goes below zero, and the movement is flagged. The movement is dated when the hold began, so
that an expiry in between does not take the points as well.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.ledger.holds import holds
from pointsync.ledger.holds.held_points import is_active
from pointsync.ledger.movement_row import COLUMNS, MovementRow
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Customer, Hold, Movement
from pointsync.models.hold import CAPTURED, RELEASED

CAPTURE_KINDS = ("spend", "redeem")


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """How to capture: `points` is None for all. `has_happened`: the shop has given what the points paid for."""

    movement_ref: str
    points: int | None = None
    kind: str = "spend"
    reason: str = ""
    has_happened: bool = False


def capture(
    session: Session, source: str, ref: str, request: CaptureRequest, now: datetime
) -> tuple[Hold, RecordResult]:
    """Take the points of a hold. Return it and the movement's result: `duplicate` if it was captured like this before.

    Raises NotFound, InvalidInput, Conflict (`hold_ended`, `ref_conflict`), and what `record` raises.
    """
    hold = holds.get_locked(session, source, ref)
    points = hold.points if request.points is None else request.points
    if not 1 <= points <= hold.points:
        raise InvalidInput("points", f"A capture takes from 1 to {hold.points:,} points, which is what the hold has.")
    if request.kind not in CAPTURE_KINDS:
        raise InvalidInput("kind", f"The kind must be one of {', '.join(CAPTURE_KINDS)}.")
    if hold.state == CAPTURED:
        return hold, _find_earlier(session, hold, points, request)
    is_in_time = is_active(hold, now)
    if hold.state == RELEASED and not request.has_happened:
        raise _ended("This hold was released. If its points have paid for something already, send done: true.")
    hold.state, hold.ended_at = CAPTURED, now
    session.flush()
    draft = Draft(
        hold.customer.email,
        -points,
        reserve=hold.reserve.key,
        kind=request.kind,
        reason=request.reason,
        ref=request.movement_ref,
        at=hold.held_at if is_in_time else None,
        has_happened=is_in_time or request.has_happened,
    )
    try:
        [result] = record(session, [draft], source, now)
    except DomainError as error:
        if error.code == "insufficient_points":
            raise _ended(
                f"The time of this hold is over, and its points are no longer there. {error.message} If they have paid "
                "for something already, send done: true."
            ) from error
        if "ref" in error.fields:
            error.fields = {"movement_ref": error.fields["ref"]}
        raise
    movement = result.movement
    hold.movement_seq = session.scalars(
        select(Movement.seq).where(Movement.origin == movement.origin, Movement.id == movement.id)
    ).one()
    session.flush()
    return holds.get(session, source, ref), result


def _find_earlier(session: Session, hold: Hold, points: int, request: CaptureRequest) -> RecordResult:
    """The result of the capture before. Raises Conflict if it was another one."""
    query = select(*COLUMNS).join(Customer, Customer.id == Movement.customer_id)
    row = MovementRow(**session.execute(query.where(Movement.seq == hold.movement_seq)).mappings().one())
    if (-row.points, row.kind, row.ref) != (points, request.kind, request.movement_ref):
        message = f"This hold was already captured with other content, as movement {row.id}. Nothing changed."
        raise Conflict("ref_conflict", message, {"ref": message})
    return RecordResult("duplicate", row, hold.customer.email, hold.reserve.key)


def _ended(message: str) -> Conflict:
    return Conflict("hold_ended", message, {"ref": message})

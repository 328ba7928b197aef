"""Holds: place, extend, capture, release and find them. Each is idempotent by the `ref` of the shop.

All of these lock the balance before they read the hold, so they happen one after another, also with spending.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session, contains_eager

from pointsync import clock
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound, combine
from pointsync.ledger import audit_recorder, customers, draft_rules
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.holds.held_points import active_condition, is_active, sum_held
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.members import lock_people, select_members
from pointsync.models import Customer, Hold, Movement, Reserve
from pointsync.models.hold import CAPTURED, ENDED, HELD, RELEASED
from pointsync.text_limits import MAX_POINTS, MAX_REF_LENGTH, is_storable, printable

MAX_DURATION = timedelta(days=31)
"""From a call until the end of the hold that it places or extends."""
RETENTION = timedelta(days=366)
"""How long a hold is kept after its end, so that repeated calls are recognised."""
MAX_LISTED = 50


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What a shop asks to hold."""

    customer: str
    points: int
    reserve: str
    ref: str
    until: datetime


def place(session: Session, request: HoldRequest, source: str, now: datetime) -> tuple[Hold, bool]:
    """Hold points, or extend the hold with this `ref` if `until` is later. Return it, and whether it is new.

    Raises a DomainError for invalid fields, Conflict (`insufficient_points`, `ref_conflict`, `hold_ended`), or TryLater
    while lost movements come back.
    """
    checked = _check(session, request, now)
    if existing := _find_locked(session, source, request.ref):
        _extend(session, existing, checked, request, now)
        return existing, False
    _check_until(request.until, now)
    fetch_back.refuse_if_running(session)  # the balance is not complete yet
    reserve = checked.reserve
    customer = customers.find_locked(session, [checked.email]).get(checked.email)
    if customer is None:
        if not reserve.may_go_below_zero:
            raise _insufficient_points(checked.email, reserve, 0, 0, request.points)
        customer = customers.get_or_create(session, [checked.address], now)[checked.email]
    key = (customer.id, reserve.id)
    balances = LockedBalances(session, [key])
    _require_points(session, checked.email, reserve, key, balances, request.points, now)
    hold = Hold(
        source=source,
        ref=request.ref,
        customer_id=customer.address_id,
        reserve_id=reserve.id,
        points=request.points,
        state=HELD,
        held_at=now,
        until_at=request.until,
        created_at=now,
    )
    session.add(hold)
    session.flush()
    return get(session, source, request.ref), True


def release(session: Session, source: str, ref: str, now: datetime) -> Hold:
    """Free the points of a hold, also of one whose time is over. It does no harm to repeat it.

    Raises NotFound, or Conflict (`hold_ended`) if it was captured.
    """
    return _release(session, get_locked(session, source, ref), now)


def release_as_admin(session: Session, hold_id: int, now: datetime) -> Hold:
    """The same by the hold's row id, with an entry in the audit log. Raises as `release` does."""
    hold = session.get(Hold, hold_id)
    if hold is None:
        raise NotFound("unknown_hold", "There is no such hold.")
    hold = get_locked(session, hold.source, hold.ref)
    was_active = is_active(hold, now)
    hold = _release(session, hold, now)
    if was_active:
        values = {"points": hold.points, "ref": hold.ref, "source": hold.source, "until": clock.to_text(hold.until_at)}
        audit_recorder.log_action(session, "released", "hold", hold.id, hold.customer.email, before=values)
    return hold


def get(session: Session, source: str, ref: str) -> Hold:
    """The hold with this `ref` of the source, with its customer, reserve and movement. Raises NotFound."""
    hold = _find(session, Hold.source == source, Hold.ref == ref) if _can_be_ref(ref) else None
    if hold is None:
        raise NotFound("unknown_hold", f"There is no hold with the ref {printable(ref)} of this shop.")
    return hold


def get_locked(session: Session, source: str, ref: str) -> Hold:
    """The same, after its balance was locked until the transaction ends. Raises NotFound."""
    hold = get(session, source, ref)
    LockedBalances(session, [_lock_key(session, hold)])
    return get(session, source, ref)


def _lock_key(session: Session, hold: Hold) -> BalanceKey:
    """The balance of which the hold holds points."""
    return lock_people(session, [hold.customer_id])[hold.customer_id], hold.reserve_id


def get_by_id(session: Session, customer_id: int, hold_id: int) -> Hold:
    """A customer's hold by its row id. Raises NotFound."""
    hold = _find(session, Hold.id == hold_id, Hold.customer_id.in_(select_members([customer_id])))
    if hold is None:
        raise NotFound("unknown_hold", "This customer has no such hold.")
    return hold


def list_active(session: Session, customer: Customer, now: datetime) -> list[Hold]:
    """The customer's holds that are active now, at most 50, those that end first."""
    query = (
        select(Hold)
        .join(Hold.reserve)
        .options(contains_eager(Hold.reserve))
        .where(Hold.customer_id.in_(select_members([customer.id])), active_condition(now))
        .order_by(Hold.until_at, Hold.id)
        .limit(MAX_LISTED)
    )
    return list(session.scalars(query))


def prune(session: Session, now: datetime, limit: int = 10_000) -> None:
    """Delete at most `limit` holds whose time was over a year ago."""
    old = select(Hold.id).where(Hold.until_at < now - RETENTION).order_by(Hold.until_at).limit(limit)
    session.execute(delete(Hold).where(Hold.id.in_(old)).execution_options(synchronize_session=False))


def _check(session: Session, request: HoldRequest, now: datetime) -> CheckedDraft:
    """The valid customer and reserve. Raises a DomainError that names all invalid fields except `until`."""
    draft = Draft(
        request.customer, -request.points, reserve=request.reserve, kind="spend", ref=request.ref, is_entered=True
    )
    checked, errors = draft_rules.check(session, draft, {}, now)
    if not 1 <= request.points <= MAX_POINTS:
        errors = [error for error in errors if "points" not in error.fields]
        errors.append(InvalidInput("points", f"A hold needs a whole number of points from 1 to {MAX_POINTS:,}."))
    if errors:
        raise combine(errors)
    return checked


def _check_until(until: datetime, now: datetime) -> None:
    if not now < until <= now + MAX_DURATION:
        message = (
            f"Give a time in the future, at most {MAX_DURATION.days} days from now. You can extend the hold later."
        )
        raise InvalidInput("until", message)


def _extend(session: Session, hold: Hold, checked: CheckedDraft, request: HoldRequest, now: datetime) -> None:
    """Extend a hold, whose balance is locked, if `until` is later than before."""
    owners = customers.find_ids(session, [hold.customer.email, checked.email])
    is_same_customer = owners[hold.customer.email] == owners.get(checked.email)
    is_same_customer = is_same_customer or lives.is_of(session, hold.customer.email, checked.email)
    if not is_same_customer or (hold.reserve_id, hold.points) != (checked.reserve.id, request.points):
        message = f"The ref {request.ref} was already used for another hold. Use a new ref."
        raise Conflict("ref_conflict", message, {"ref": message})
    if request.until <= hold.until_at:
        return
    if hold.state not in (HELD, ENDED):
        message = f"This hold was {hold.state} already, so it cannot be extended. Place a new one with a new ref."
        raise Conflict("hold_ended", message, {"ref": message})
    _check_until(request.until, now)
    if not is_active(hold, now):  # others may have spent its points meanwhile
        fetch_back.refuse_if_running(session)
        key = _lock_key(session, hold)
        balances = LockedBalances(session, [key])
        _require_points(session, checked.email, checked.reserve, key, balances, hold.points, now)
        session.refresh(hold, ["state", "ended_at"])  # its end is stored now
        hold.state, hold.held_at, hold.ended_at = HELD, now, None
    hold.until_at = request.until
    session.flush()


def _require_points(
    session: Session,
    email: str,
    reserve: Reserve,
    key: BalanceKey,
    balances: LockedBalances,
    points: int,
    now: datetime,
) -> None:
    """Raise Conflict if fewer than `points` are free, unless the reserve may go below zero."""
    held = sum_held(session, [key], now).get(key, 0)
    if balances.get(key) - held < points and not reserve.may_go_below_zero:
        raise _insufficient_points(email, reserve, balances.get(key), held, points)


def _insufficient_points(email: str, reserve: Reserve, balance: int, held: int, points: int) -> DomainError:
    already = f", and {held:,} of them are held already" if held else ""
    message = f"{email} has {balance:,} points in {reserve.key}{already}. {points:,} cannot be held."
    return Conflict("insufficient_points", message, {"points": message})


def _release(session: Session, hold: Hold, now: datetime) -> Hold:
    if hold.state == CAPTURED:
        message = "This hold was captured already: its points are taken. To give them back, record a refund."
        raise Conflict("hold_ended", message, {"ref": message})
    if hold.state in (HELD, ENDED):
        hold.state, hold.ended_at = RELEASED, now
        session.flush()
    return hold


def _find_locked(session: Session, source: str, ref: str) -> Hold | None:
    hold = _find(session, Hold.source == source, Hold.ref == ref)
    return get_locked(session, source, ref) if hold else None


def _find(session: Session, *conditions: ColumnElement[bool]) -> Hold | None:
    query = (
        select(Hold)
        .join(Hold.customer)
        .join(Hold.reserve)
        .outerjoin(Movement, Movement.seq == Hold.movement_seq)
        .options(contains_eager(Hold.customer), contains_eager(Hold.reserve), contains_eager(Hold.movement))
        .where(*conditions)
        .execution_options(populate_existing=True)
    )
    return session.scalar(query)


def _can_be_ref(ref: str) -> bool:
    return 0 < len(ref) <= MAX_REF_LENGTH and is_storable(ref)

"""What admins decide about changes of people: those of other sites that wait for approval, and those without effect."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from pointsync.errors import Conflict, NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger.people.change import ERASE, ChangeKey
from pointsync.ledger.people.erasure.effect import take_effect
from pointsync.ledger.people.stored import lock_changes
from pointsync.models import Approval, Balance, Customer, CustomerChange
from pointsync.text_limits import MAX_POINTS


def waiting_condition() -> ColumnElement[bool]:
    """For queries: a change of another site waits for an admin's approval."""
    return CustomerChange.approval == Approval.WAITING


def disputed_condition() -> ColumnElement[bool]:
    """For queries: a change has no effect because its address belongs to somebody else, and no admin has dismissed
    it."""
    customer, other = aliased(Customer), aliased(Customer)
    are_two = (
        select(customer.id)
        .join(other, other.email == CustomerChange.into_address)
        .where(customer.email == CustomerChange.customer)
        .where(func.coalesce(customer.merged_into_id, customer.id) != func.coalesce(other.merged_into_id, other.id))
        .correlate(CustomerChange)
    )
    return CustomerChange.is_disputed & CustomerChange.dismissed_at.is_(None) & are_two.exists()


def count_open(session: Session) -> tuple[int, int]:
    """How many changes wait for approval, and how many have no effect."""
    counts = []
    for condition in (waiting_condition(), disputed_condition()):
        counts.append(session.scalar(select(func.count()).select_from(CustomerChange).where(condition)) or 0)
    return counts[0], counts[1]


def decide(session: Session, key: ChangeKey, decision: Approval, now: datetime) -> None:
    """Approve or refuse a change of another site. Either can be changed later.

    Raises NotFound (`unknown_change`), Conflict `needs_no_approval`, or `decided_before` if this was decided already.
    """
    lock_changes(session)
    row = _get_for_update(session, key)
    if row.approval is None:
        raise Conflict("needs_no_approval", "This change needs no approval.")
    if row.approval == decision:
        raise Conflict("decided_before", f"This change is {decision} already.")
    if row.change == ERASE and row.approval == Approval.APPROVED:
        raise Conflict("decided_before", "The person was erased already. That cannot be undone.")
    row.approval, row.decided_at, row.is_disputed = decision, now, False
    session.flush()
    take_effect(session, filter(None, (row.customer, row.into_address)), now)
    _log(session, str(decision), row)


def dismiss(session: Session, key: ChangeKey, now: datetime) -> None:
    """Do not list a change without effect any more. Raises NotFound, or Conflict `not_disputed`."""
    row = _get_for_update(session, key)
    if not row.is_disputed or row.dismissed_at:
        raise Conflict("not_disputed", "This change has an effect, or was dismissed already.")
    row.dismissed_at = now
    session.flush()
    _log(session, "dismissed", row)


def list_out_of_bounds(session: Session, limit: int) -> list[Customer]:
    """Merged customers whose balance is outside of its bounds. Movements that take it further outside are refused."""
    is_joined = Customer.id.in_(select(Customer.merged_into_id).where(Customer.merged_into_id.is_not(None)))
    is_out = or_(Balance.points > MAX_POINTS, Balance.points < -MAX_POINTS)
    query = select(Customer).join(Balance, Balance.customer_id == Customer.id).where(is_joined, is_out)
    return list(session.scalars(query.distinct().order_by(Customer.id).limit(limit)))


def _get_for_update(session: Session, key: ChangeKey) -> CustomerChange:
    query = select(CustomerChange).where(CustomerChange.origin == key.origin, CustomerChange.id == key.id)
    row = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound(
            "unknown_change",
            f"There is no change {key.id} from {key.origin}. The list of changes has its id and origin.",
        )
    return row


def _log(session: Session, action: str, row: CustomerChange) -> None:
    after = {"change": row.change, "customer": row.customer, "into": row.into_address, "origin": row.origin}
    named = {name: value for name, value in after.items() if value}
    audit_recorder.log_action(session, action, "change of customers", row.id, row.customer, after=named)

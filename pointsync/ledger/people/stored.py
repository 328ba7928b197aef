"""The stored changes of people: read those that are about the same customers, and add one."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from pointsync.clock import to_milliseconds
from pointsync.db.is_in import is_in
from pointsync.errors import Conflict
from pointsync.ledger.outbox import allocate_ids
from pointsync.ledger.people.change import Change, ChangeKey
from pointsync.ledger.people.change import digest as compute_digest
from pointsync.ledger.people.erased import lives
from pointsync.models import Approval, CustomerChange

MAX_CHANGES = 500
"""Of the addresses that belong together. They are all replayed with each change. Other sites may have made more."""
LOCK_ID = 7_061_111


def lock_changes(session: Session) -> None:
    """One change at a time, until the transaction ends: it is made, or takes effect, from what all others say. SQLite
    has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})


def list_related(session: Session, addresses: Iterable[str]) -> list[Change]:
    """All changes that count about these addresses, about the addresses that they name, and so on."""
    found: dict[ChangeKey, Change] = {}
    known, new = set[str](), set(addresses)
    while new:
        known |= new
        about = or_(is_in(CustomerChange.customer, new), is_in(CustomerChange.into_address, new))
        rows = session.scalars(select(CustomerChange).where(about, CustomerChange.counts()))
        latest = {change.key: change for change in map(to_change, rows)}
        found |= latest
        new = {address for change in latest.values() for address in change.addresses} - known
    return list(found.values())


def list_about(session: Session, addresses: Collection[str]) -> list[Change]:
    """The changes that count and name one of these addresses."""
    about = or_(is_in(CustomerChange.customer, addresses), is_in(CustomerChange.into_address, addresses))
    return [to_change(row) for row in session.scalars(select(CustomerChange).where(about, CustomerChange.counts()))]


def require_room(related: Sequence[Change]) -> None:
    """Raise Conflict (`too_many_changes`) if these related changes are as many as this site makes."""
    if len(related) >= MAX_CHANGES:
        message = f"The addresses of this customer were changed {MAX_CHANGES} times. No more changes are possible."
        raise Conflict("too_many_changes", message)


def find(session: Session, key: ChangeKey) -> Change | None:
    """The change with this key; None if it is not known here."""
    query = select(CustomerChange).where(CustomerChange.origin == key.origin, CustomerChange.id == key.id)
    row = session.scalar(query)
    return to_change(row) if row is not None else None


def make(
    session: Session,
    related: Iterable[Change],
    kind: str,
    customer: str,
    now: datetime,
    *,
    into: str | None = None,
    undoes: ChangeKey | None = None,
) -> Change:
    """A new change of this site, later than all those that are `related`: whoever made it knew them. It is also later
    than the erasures of people who had its addresses before.

    Locks the site's row until the transaction ends.
    """
    origin, [change_id], _ = allocate_ids(session, 1, now)
    after = max((change.at + timedelta(milliseconds=1) for change in related), default=now)
    erased_until = lives.find_until(session, {customer} if into is None else {customer, into})
    at = to_milliseconds(max(now, after, *erased_until.values()))
    return Change(origin=origin, id=change_id, at=at, change=kind, customer=customer, into=into, undoes=undoes)  # type: ignore[arg-type]


def add(session: Session, change: Change, now: datetime) -> CustomerChange:
    """Store a change that was made here."""
    row = build(change, compute_digest(change), now)
    session.add(row)
    session.flush()
    return row


def build(change: Change, digest: int, now: datetime, approval: Approval | None = None) -> CustomerChange:
    """The row of a change. `digest` is that of what its origin has sent."""
    undoes_origin, undoes_id = change.undoes or (None, None)
    return CustomerChange(
        origin=change.origin,
        id=change.id,
        change=change.change,
        customer=change.customer,
        into_address=change.into,
        undoes_origin=undoes_origin,
        undoes_id=undoes_id,
        at=change.at,
        recorded_at=now,
        digest=digest,
        approval=approval,
    )


def to_change(row: CustomerChange) -> Change:
    """The change of a row."""
    undoes = ChangeKey(row.undoes_origin, row.undoes_id) if row.undoes_origin and row.undoes_id else None
    return Change(
        origin=row.origin,
        id=row.id,
        at=row.at,
        change=row.change,  # type: ignore[arg-type]
        customer=row.customer,
        into=row.into_address,
        undoes=undoes,
    )

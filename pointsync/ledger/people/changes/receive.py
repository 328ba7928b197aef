"""Changes of people that came from other sites: stored once, then they take effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people import deliveries, stored
from pointsync.ledger.people.change import ERASE, Change
from pointsync.ledger.people.erased import erasure_keys
from pointsync.ledger.people.erasure.effect import take_effect
from pointsync.ledger.people.erasure.erasing import as_stored
from pointsync.ledger.people.erasure.erasure_details import ErasureDetails, add_received, find_fault
from pointsync.ledger.people.stored import lock_changes
from pointsync.models import Approval, CustomerChange, Site


@dataclass(frozen=True, slots=True)
class ReceivedChange:
    """A change of another site, or one of this site that came back; `digest` is the one that its origin has stored."""

    change: Change
    digest: int
    erasing: ErasureDetails | None = None
    """With an erasure."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """The result for one change: `applied`, `duplicate`, `conflict` or `refused` (with `code` and `message`)."""

    id: str
    status: str
    code: str | None = None
    message: str | None = None


def receive(
    session: Session, origin: str, received: Sequence[ReceivedChange], now: datetime, *, needs_approval: bool
) -> list[ChangeResult]:
    """Store the changes of `origin`, and let them take effect; the results are in the same order.

    A change is identified by its origin and id. If it is here already, it is a duplicate if its digest is the same, and
    otherwise a conflict; either way nothing changes. With `needs_approval`, a new one waits for an admin.
    """
    lock_changes(session)
    held = {row.id: row.digest for row in _load(session, origin, [each.change.id for each in received])}
    approval = Approval.WAITING if needs_approval else None
    results: list[ChangeResult] = []
    named: set[str] = set()
    is_erasing = bool(erasure_keys.load_all(session))  # nearly never, and then nothing is looked up
    for each in received:
        change_id = each.change.id
        if change_id in held:
            is_same = held[change_id] == each.digest
            results.append(
                ChangeResult(change_id, "duplicate")
                if is_same
                else ChangeResult(
                    change_id, "conflict", "conflict", "The receiver has a change with this id and other content."
                )
            )
            continue
        if (refusal := _prepare_erasure(session, each, now)) is not None:
            results.append(refusal)
            continue
        held[change_id] = each.digest
        change = each.change
        if is_erasing:
            change = as_stored(session, change)
        session.add(stored.build(change, each.digest, now, approval))
        named.update(() if needs_approval else change.addresses)
        results.append(ChangeResult(change_id, "applied"))
    session.flush()
    if named:
        take_effect(session, named, now)
    return results


def take_back(session: Session, auth: str, returned: Sequence[ReceivedChange], now: datetime) -> int:
    """Store changes of this site that were lost, and that the site `auth` has returned, under their old ids.

    No id of them is used again. They are delivered to the site that returned them, and the others get them. One that is
    here with another content stays as it is here. Return how many were lost.
    """
    lock_changes(session)
    held = {row.id: row for row in _load(session, get_local_auth(session), [each.change.id for each in returned])}
    lost = [each for each in returned if each.change.id not in held]
    lost = [each for each in lost if _prepare_erasure(session, each, now) is None]
    for each in lost:
        held[each.change.id] = stored.build(as_stored(session, each.change), each.digest, now)
        session.add(held[each.change.id])
    session.flush()
    if lost:
        changes = [stored.to_change(held[each.change.id]) for each in lost]
        take_effect(session, {address for change in changes for address in change.addresses}, now)
    site = Site.get_for_update(session)  # after customers and balances, as by everybody who records something
    site.last_id = max(site.last_id, *(int(each.change.id) for each in returned), 0)
    deliveries.enqueue(session)
    known = [(held[each.change.id], each) for each in returned if each.change.id in held]
    same = [row.seq for row, each in known if row.digest == each.digest]
    deliveries.mark_delivered(session, auth, same, now)
    return len(lost)


def _prepare_erasure(session: Session, received: ReceivedChange, now: datetime) -> ChangeResult | None:
    """Store what an erasure is to erase. Return the refusal of one that is malformed."""
    change, details = received.change, received.erasing
    if change.change != ERASE:
        return None
    fault = (
        "The erasure has no tokens, so nobody knows whom it erases." if details is None else find_fault(change, details)
    )
    if fault is None and details is not None and not erasure_keys.save(session, change.origin, details.key):
        fault = "Its erasure key is not the one that the receiver knows of its origin."
    if fault is not None or details is None:
        return ChangeResult(change.id, "refused", "malformed", fault)
    add_received(session, change, details, now)
    return None


def _load(session: Session, origin: str, change_ids: Sequence[str]) -> Sequence[CustomerChange]:
    """Those of these changes that are here."""
    query = select(CustomerChange).where(CustomerChange.origin == origin, is_in(CustomerChange.id, change_ids))
    return session.scalars(query.execution_options(populate_existing=True)).all()

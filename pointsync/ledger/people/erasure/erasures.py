"""Requests to erase people: at once, or after a day in which somebody can stop it. And how they are carried out."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec.structs import replace
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from pointsync.clock import to_milliseconds
from pointsync.errors import Conflict, NotFound, TryLater
from pointsync.ids import MAX_ROW_ID
from pointsync.ledger import audit_recorder, customers, received_summary
from pointsync.ledger.people import deliveries, people, stored
from pointsync.ledger.people.change import ERASE, Change
from pointsync.ledger.people.erased import erasure_keys
from pointsync.ledger.people.erased.tokens import is_token, make_hash, make_token
from pointsync.ledger.people.erasure import erasing, erasure_details, known_movements, position, reach
from pointsync.ledger.people.erasure.effect import take_effect
from pointsync.ledger.people.erasure.erasure_details import note_seen
from pointsync.ledger.people.erasure.known_movements import KnownMovements
from pointsync.ledger.people.members import list_members
from pointsync.ledger.people.replay import replay
from pointsync.models import (
    ChangeDelivery,
    Customer,
    CustomerChange,
    DeliveryState,
    ErasedAddress,
    Erasure,
    Remote,
)

WAIT = timedelta(days=1)
"""Between a request by an API key and the erasure: an error, or a stolen key, can be stopped."""
MAX_LISTED = 200


def request(session: Session, email: str, by: str, now: datetime) -> Erasure:
    """Let a person be erased after a day, unless somebody stops it. If that was requested before, return that request.

    Raises NotFound (`unknown_customer`) or InvalidInput.
    """
    customer = people.get_living(session, email)
    for waiting in list_waiting(session):
        [address] = erasure_details.list_plain(waiting)
        if customers.find_ids(session, [address]).get(address) == customer.id:
            return waiting
    erasure = Erasure(requested_at=now, requested_by=by, due_at=now + WAIT, position={}, counts={}, seen={})
    erasure.sealed_addresses = erasure_keys.vault().encrypt(json.dumps([customer.email]))
    session.add(erasure)
    session.flush()
    audit_recorder.log_action(session, "requested", "erasure", erasure.id)
    return erasure


def stop(session: Session, erasure_id: int, by: str, now: datetime) -> Erasure:
    """Stop an erasure that waits. It does no harm to repeat it. Raises NotFound, or Conflict (`erased`)."""
    erasure = get(session, erasure_id, for_update=True)
    if erasure.effective_at is not None:
        raise Conflict("erased", "This person was erased already. That cannot be undone.")
    if erasure.stopped_at is None:
        erasure.stopped_at, erasure.stopped_by, erasure.sealed_addresses = now, by, None
        session.flush()
        audit_recorder.log_action(session, "stopped", "erasure", erasure.id)
    return erasure


def erase(
    session: Session, email: str, by: str, now: datetime, known: KnownMovements = MappingProxyType({})
) -> Erasure:
    """Erase a person with all addresses now. This cannot be undone. `known`: what `known_movements.read` has returned
    before the transaction, so that it is short for a customer with many movements.

    Raises NotFound (`unknown_customer`), InvalidInput, or TryLater while lost movements come back or old ones are read
    again.
    """
    people.begin(session)
    customer = people.get_living(session, email)
    erasure = Erasure(requested_at=now, requested_by=by, due_at=now, position={}, counts={}, seen={})
    session.add(erasure)
    _erase(session, erasure, customer, now, known)
    return erasure


def read_known(session: Session, erasure_id: int) -> KnownMovements:
    """For `carry_out`, before its transaction: what is known of the movements of the customer."""
    try:
        [address] = erasure_details.list_plain(get(session, erasure_id))
        return known_movements.read(session, address)
    except (NotFound, ValueError):  # it is gone, or stopped
        return {}


def carry_out(session: Session, erasure_id: int, now: datetime, known: KnownMovements) -> None:
    """Carry out an erasure that has waited for a day. If the customer has gone meanwhile, there is nothing to erase."""
    people.begin(session)
    erasure = get(session, erasure_id, for_update=True)
    if erasure.effective_at is not None or erasure.stopped_at is not None or erasure.due_at > now:
        return
    [address] = erasure_details.list_plain(erasure)
    try:
        customer = people.get_living(session, address)
    except NotFound:
        erasure.stopped_at, erasure.stopped_by, erasure.sealed_addresses = now, "", None
        session.flush()
        return
    _erase(session, erasure, customer, now, known)


def postpone(session: Session, erasure_id: int, delay: timedelta, now: datetime) -> None:
    """An erasure whose time has come is not possible now: try it again later."""
    erasure = get(session, erasure_id, for_update=True)
    if erasure.effective_at is None and erasure.stopped_at is None:
        erasure.due_at = now + delay
        session.flush()


def get(session: Session, erasure_id: int, *, for_update: bool = False) -> Erasure:
    """The erasure with this id. Raises NotFound."""
    is_possible = erasure_id <= MAX_ROW_ID
    erasure = (
        session.get(Erasure, erasure_id, with_for_update=for_update, populate_existing=True) if is_possible else None
    )
    if erasure is None:
        message = f"There is no erasure {erasure_id}. Its number is in the list of erasures."
        raise NotFound("unknown_erasure", message)
    return erasure


def list_all(session: Session) -> Sequence[Erasure]:
    """The newest erasures and requests, newest first."""
    return session.scalars(select(Erasure).order_by(Erasure.id.desc()).limit(MAX_LISTED)).all()


def list_waiting(session: Session) -> Sequence[Erasure]:
    """The requests that wait for their time, the first one first."""
    is_waiting = (Erasure.effective_at.is_(None), Erasure.stopped_at.is_(None))
    return session.scalars(select(Erasure).where(*is_waiting).order_by(Erasure.due_at)).all()


def find_by_token(session: Session, address: str) -> int | None:
    """The id of the erasure of the person whose address has this token; None if it is an address."""
    if not is_token(address):
        return None
    return session.scalar(select(ErasedAddress.erasure_id).where(ErasedAddress.token == address))


def list_due(session: Session, now: datetime) -> list[int]:
    """The ids of requests whose time has come."""
    return [each.id for each in list_waiting(session) if each.due_at <= now]


def list_unfinished(session: Session, now: datetime) -> list[int]:
    """The ids of erasures of which something is left to do here now: texts to clean, or addresses to forget."""
    is_unfinished = or_(Erasure.cleaned_at.is_(None), Erasure.sealed_addresses.is_not(None))  # as the index has it
    is_open = or_(Erasure.cleaned_at.is_(None), ~_is_awaited())
    query = select(Erasure).where(Erasure.carried_out_at.is_not(None), is_unfinished, is_open)
    return [each.id for each in session.scalars(query.order_by(Erasure.id)) if not position.is_waiting(each, now)]


def forget_addresses(session: Session, erasure_id: int) -> None:
    """Delete the addresses that were kept, if this site is clean and every site that takes changes has it."""
    erasure = get(session, erasure_id, for_update=True)
    if erasure.cleaned_at is None or erasure.sealed_addresses is None:
        return
    if not session.scalar(select(Erasure.id).where(Erasure.id == erasure_id, _is_awaited())):
        erasure.sealed_addresses = None
        session.flush()


def _is_awaited() -> ColumnElement[bool]:
    """For queries: a site that takes changes does not have an erasure of this site yet."""
    return exists().where(
        CustomerChange.origin == Erasure.origin,
        CustomerChange.id == Erasure.change_id,
        ChangeDelivery.change_seq == CustomerChange.seq,
        ChangeDelivery.state != DeliveryState.DELIVERED,
        Remote.auth == ChangeDelivery.auth,
        Remote.deleted_at.is_(None),
        Remote.takes_changes,
    )


def _erase(session: Session, erasure: Erasure, customer: Customer, now: datetime, known: KnownMovements) -> None:
    if not received_summary.are_all_digested(session):
        raise TryLater("digesting", "Movements from before the upgrade are still being read. Try again later.", 60)
    erasing.lock_rows(session, reach.list_component(session, [customer.email]))
    related = people.lock_related(session, [customer.email], now, has_limit=False)
    origin, key = erasure_keys.get_or_create(session)
    change = stored.make(session, related, ERASE, customer.email, now)
    token = make_token(make_hash(key, customer.email), change.id)
    change = replace(change, customer=token, at=_after_all(session, customer, change, known))
    erasure.origin, erasure.change_id, erasure.effective_at = origin, change.id, change.at
    note_seen(session, erasure)
    session.flush()
    deliveries.enqueue(session, seq=stored.add(session, change, now).seq)
    changed = erasing.erase_addresses(session, erasure, replay(related).find(customer.email).addresses, now, known)
    take_effect(session, changed, now)
    audit_recorder.log_action(
        session, "erased", "erasure", erasure.id, after={"addresses": erasure.counts["addresses"]}
    )


def _after_all(session: Session, customer: Customer, change: Change, known: KnownMovements) -> datetime:
    """The time of the erasure: also after movements that a site dated by a clock that was ahead."""
    newest = known_movements.find_newest(session, list_members(session, customer.id), known)
    if newest is None or newest < change.at:
        return change.at
    return to_milliseconds(newest + timedelta(milliseconds=1))

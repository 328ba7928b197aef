"""What is sent with an erasure, and stored when it is made or received."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.people.change import ERASE, Change
from pointsync.ledger.people.erased import erasure_keys
from pointsync.ledger.people.erased.tokens import hash_in, is_token, make_hash, make_token
from pointsync.ledger.people.erasure import position
from pointsync.ledger.people.erasure.position import Position
from pointsync.models import Approval, CustomerChange, ErasedAddress, Erasure

MAX_NOT_SEEN = 1000
"""Changes that did not count when a person was erased. Older ones are not told."""


@dataclass(frozen=True, slots=True)
class ErasureDetails:
    """What comes with an erasure of another site, or with one of this site that comes back."""

    key: bytes
    """The erasure key of its origin."""
    tokens: tuple[str, ...]
    """The tokens of the person's addresses, as its origin knew them."""
    addresses: tuple[str, ...] = ()
    """The addresses themselves, as long as the sender knows them."""
    seen: dict[str, str] = field(default_factory=dict)
    """By origin, the id of the last change that the erasure's origin knew when it erased the person."""
    not_seen: dict[str, list[str]] = field(default_factory=dict)
    """By origin, the ids of earlier changes that did not count there."""


def load_details(session: Session, change: Change, *, with_addresses: bool) -> ErasureDetails | None:
    """What is sent with an erasure; None for other changes. The addresses only while they are kept."""
    if change.change != ERASE:
        return None
    query = select(Erasure).where(Erasure.origin == change.origin, Erasure.change_id == change.id)
    erasure = session.scalar(query)
    if erasure is None:
        return None
    tokens = list_tokens(session, erasure) or sorted(position.read(erasure).tokens)
    addresses = list_plain(erasure) if with_addresses else []
    key = erasure_keys.load_all(session)[change.origin]
    return ErasureDetails(key, tuple(tokens), tuple(addresses), dict(erasure.seen), dict(erasure.not_seen or {}))


def find_fault(change: Change, details: ErasureDetails) -> str | None:
    """What is wrong with a received erasure; None if nothing is."""
    hashes = {hash_in(token) for token in details.tokens}
    if not is_token(change.customer) or change.customer not in details.tokens:
        return "The customer of an erasure must be one of its tokens."
    if any(not is_token(each) or each != make_token(hash_in(each), change.id) for each in details.tokens):
        return "A token does not belong to this erasure."
    if any(make_hash(details.key, each) not in hashes for each in details.addresses):
        return "An address has no token in this erasure."
    return None


def add_received(session: Session, change: Change, details: ErasureDetails, now: datetime) -> None:
    """Store what is to be erased. It takes effect with the change, unless that has to wait for an admin.

    The caller has checked `find_fault`, and stored the key.
    """
    erasure = Erasure(
        origin=change.origin,
        change_id=change.id,
        requested_at=now,
        requested_by=change.origin,
        due_at=now,
        effective_at=change.at,
        position={},
        counts={},
        seen=details.seen,
        not_seen=details.not_seen,
    )
    position.save(erasure, Position(tokens=tuple(sorted(details.tokens))))
    if details.addresses:
        erasure.sealed_addresses = erasure_keys.vault().encrypt(json.dumps(sorted(details.addresses)))
    session.add(erasure)
    session.flush()


def note_seen(session: Session, erasure: Erasure) -> None:
    """Store which changes are known here, and which of them do not count: they wait for an admin, or were refused."""
    length = func.length(CustomerChange.id)
    query = select(CustomerChange.origin, func.max(CustomerChange.id)).group_by(CustomerChange.origin, length)
    erasure.seen = {row[0]: row[1] for row in session.execute(query.order_by(length))}
    not_seen: defaultdict[str, list[str]] = defaultdict(list)
    query = select(CustomerChange.origin, CustomerChange.id).where(
        CustomerChange.approval.in_((Approval.WAITING, Approval.REFUSED))  # as the partial index has it
    )
    for row in session.execute(query.order_by(CustomerChange.seq.desc()).limit(MAX_NOT_SEEN)):
        not_seen[row[0]].append(row[1])
    erasure.not_seen = dict(not_seen)


def has_seen(erasure: Erasure, change: Change) -> bool:
    """Whether a change counted where the person was erased, when that was done."""
    is_known = int(change.id) <= int(erasure.seen.get(change.origin, "0"))
    return is_known and change.id not in (erasure.not_seen or {}).get(change.origin, ())


def list_tokens(session: Session, erasure: Erasure) -> list[str]:
    """The tokens of an erasure."""
    query = select(ErasedAddress.token).where(ErasedAddress.erasure_id == erasure.id)
    return list(session.scalars(query.order_by(ErasedAddress.token)))


def list_plain(erasure: Erasure) -> list[str]:
    """The addresses of an erasure, as long as they are kept for sites that do not have it yet."""
    if erasure.sealed_addresses is None:
        return []
    addresses: list[str] = json.loads(erasure_keys.vault().decrypt(erasure.sealed_addresses))
    return addresses


def map_tokens(session: Session, erasure: Erasure) -> dict[str, str]:
    """The tokens of these addresses."""
    key = erasure_keys.load_all(session)[str(erasure.origin)]
    return {address: make_token(make_hash(key, address), str(erasure.change_id)) for address in list_plain(erasure)}

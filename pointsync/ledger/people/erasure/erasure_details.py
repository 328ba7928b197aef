"""What is sent with an erasure, and stored when it is made or received."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.people.change import ERASE, Change
from pointsync.ledger.people.erasure import erasure_keys
from pointsync.ledger.people.erasure.tokens import hash_in, is_token, make_hash, make_token
from pointsync.models import CustomerChange, ErasedAddress, Erasure


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


def load_details(session: Session, change: Change, *, with_addresses: bool) -> ErasureDetails | None:
    """What is sent with an erasure; None for other changes. The addresses only while they are kept."""
    if change.change != ERASE:
        return None
    query = select(Erasure).where(Erasure.origin == change.origin, Erasure.change_id == change.id)
    erasure = session.scalar(query)
    if erasure is None:
        return None
    tokens = list_tokens(session, erasure) or sorted(erasure.position.get("tokens", []))
    addresses = list_plain(erasure) if with_addresses else []
    key = erasure_keys.load_all(session)[change.origin]
    return ErasureDetails(key, tuple(tokens), tuple(addresses), dict(erasure.seen))


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
        position={"tokens": sorted(details.tokens)},
        counts={},
        seen=details.seen,
    )
    if details.addresses:
        erasure.sealed_addresses = erasure_keys.vault().encrypt(json.dumps(sorted(details.addresses)))
    session.add(erasure)
    session.flush()


def list_seen(session: Session) -> dict[str, str]:
    """By origin, the id of the last change that is known here."""
    length = func.length(CustomerChange.id)
    query = select(CustomerChange.origin, func.max(CustomerChange.id)).group_by(CustomerChange.origin, length)
    return {row[0]: row[1] for row in session.execute(query.order_by(length))}


def has_seen(erasure: Erasure, change: Change) -> bool:
    """Whether the origin of an erasure knew a change when it erased the person."""
    return int(change.id) <= int(erasure.seen.get(change.origin, "0"))


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

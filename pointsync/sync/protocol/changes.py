"""Changes of people on the wire."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.orm import Session

from pointsync import clock, digests
from pointsync.ledger.people import stored
from pointsync.ledger.people.change import Change
from pointsync.ledger.people.erasure.erasure_details import ErasureDetails, load_details
from pointsync.models import CustomerChange
from pointsync.sync.protocol import wire

UNDERSTOOD = "changes"
"""What a site that takes them lists in the ping's field `understands`."""


class UndoneChange(msgspec.Struct):
    """The change that an `unmerge` undoes."""

    origin: str
    id: str


class WireChange(msgspec.Struct, omit_defaults=True):
    """A change on the wire: `id` in decimal digits, `at` in RFC 3339, addresses as their keys."""

    id: str
    change: str
    """`rename`, `alias`, `merge`, `unmerge` or `erase`."""
    customer: str
    at: str
    into: str | None = None
    undoes: UndoneChange | None = None
    digest: str | None = None
    """32 hex digits, as stored with it at its origin."""
    erasure_key: str | None = None
    """`erase`: the key with which the origin hashes erased addresses, 64 hex digits."""
    tokens: list[str] = msgspec.field(default_factory=list)
    """`erase`: the token of each of the person's addresses. `customer` is one of them."""
    addresses: list[str] = msgspec.field(default_factory=list)
    """`erase`: the addresses, as long as the origin keeps them to tell them. Their keys."""
    seen: dict[str, str] = msgspec.field(default_factory=dict)
    """`erase`: by origin, the id of the last change that the sender knew."""
    not_seen: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """`erase`: by origin, the ids of earlier ones that did not count there."""


def encode_changes(session: Session, rows: Iterable[CustomerChange]) -> list[msgspec.Raw]:
    """The first of the stored changes, as many as fit into one body; erasures without addresses."""

    def encode(row: CustomerChange) -> bytes:
        change = stored.to_change(row)
        details = load_details(session, change, with_addresses=False)
        return msgspec.json.encode(to_wire(change, row.digest, details))

    return [msgspec.Raw(each) for each in wire.take_fitting(map(encode, rows))]


def to_wire(change: Change, digest: int, erasing: ErasureDetails | None = None) -> WireChange:
    """The change as it is sent. `digest` is the stored one; `erasing` belongs to an erasure."""
    return WireChange(
        id=change.id,
        change=change.change,
        customer=change.customer,
        at=clock.to_text(change.at),
        into=change.into,
        undoes=UndoneChange(*change.undoes) if change.undoes else None,
        digest=digests.to_text(digest),
        erasure_key=erasing.key.hex() if erasing else None,
        tokens=list(erasing.tokens) if erasing else [],
        addresses=list(erasing.addresses) if erasing else [],
        seen=erasing.seen if erasing else {},
        not_seen=erasing.not_seen if erasing else {},
    )

"""Reading a change of people that another site has sent or returned."""

from datetime import datetime, timedelta

import msgspec

from pointsync import clock, digests, ids
from pointsync.email_address import normalise
from pointsync.errors import InvalidInput
from pointsync.ledger.people.change import ERASE, JOINING, KINDS, UNMERGE, Change, ChangeKey, digest
from pointsync.ledger.people.changes.receive import ChangeResult, ReceivedChange
from pointsync.ledger.people.erased.tokens import KEY_BYTES, is_token
from pointsync.ledger.people.erasure.erasure_details import MAX_NOT_SEEN, ErasureDetails
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.changes import WireChange
from pointsync.text_limits import sanitise

MAX_TIME_AHEAD = timedelta(days=1)
"""All sites must replay a change with the same time, so one that is later is refused, and not given another time."""
MAX_ERASED_ADDRESSES, MAX_TOKENS = 500, 2000
"""Of one person: far more than anybody has."""
MAX_SEEN_ORIGINS = 1000


class _Unknown(Exception):
    """The change is of a kind that this version does not know."""


class _Altered(Exception):
    """The change was changed in a database after it was made."""


def parse_change(item: object, origin: str, now: datetime | None) -> ReceivedChange | ChangeResult:
    """A change of `origin`, or its refusal. Without `now`, it may have any time."""
    raw_id = item.get("id") if isinstance(item, dict) else None
    change_id = sanitise(raw_id, 64) if isinstance(raw_id, str) else ""
    try:
        raw = msgspec.convert(item, WireChange)
        change = _read(raw, origin)
        sent_digest, erasing = _read_digest(raw, change), _read_erasing(raw)
    except _Unknown as error:
        return ChangeResult(change_id, "refused", "unknown_change", str(error))
    except _Altered as error:
        return ChangeResult(change_id, "refused", "altered", str(error))
    except (ValueError, InvalidInput) as error:
        return ChangeResult(change_id, "refused", "malformed", sanitise(str(error), 200))
    if now is not None and change.at > now + MAX_TIME_AHEAD:
        message = (
            "Its date is more than a day ahead of the receiver's clock. Set the sender's clock right. It is sent again."
        )
        return ChangeResult(change_id, "refused", wire.CLOCK_AHEAD, message)
    return ReceivedChange(change, sent_digest, erasing)


def _read(raw: WireChange, origin: str) -> Change:
    """The change. Raises ValueError or InvalidInput if it is malformed, _Unknown."""
    if ids.parse_movement_id(raw.id) is None:
        raise ValueError("The id must be a positive 63-bit integer in decimal digits.")
    if raw.change not in KINDS:
        raise _Unknown(f"The receiver does not know the change {sanitise(raw.change, 32)!r}. Upgrade PointSync there.")
    if (raw.into is not None) != (raw.change in JOINING):
        raise ValueError("A rename, an alias and a merge need the field into. Other changes must not have it.")
    if (raw.undoes is not None) != (raw.change == UNMERGE):
        raise ValueError("An unmerge needs the field undoes. Other changes must not have it.")
    _require_key(raw.customer, "customer")
    if raw.into is not None:
        _require_key(raw.into, "into")
        if raw.into == raw.customer:
            raise ValueError("customer and into must be two different addresses.")
    if raw.undoes and not (ids.is_auth(raw.undoes.origin) and ids.parse_movement_id(raw.undoes.id)):
        raise ValueError("undoes must name an Auth as origin, and an id in decimal digits.")
    return Change(
        origin=origin,
        id=raw.id,
        at=clock.from_text(raw.at),
        change=raw.change,  # type: ignore[arg-type]
        customer=raw.customer,
        into=raw.into,
        undoes=ChangeKey(raw.undoes.origin, raw.undoes.id) if raw.undoes else None,
    )


def _read_erasing(raw: WireChange) -> ErasureDetails | None:
    """What comes with an erasure. Raises ValueError or InvalidInput if it is malformed."""
    if raw.change != ERASE:
        return None
    key = bytes.fromhex(raw.erasure_key or "")
    if len(key) != KEY_BYTES:
        raise ValueError(f"erasure_key must be {2 * KEY_BYTES} hex digits.")
    if not 1 <= len(raw.tokens) <= MAX_TOKENS or len(raw.addresses) > MAX_ERASED_ADDRESSES:
        limits = f"1 to {MAX_TOKENS} tokens, and at most {MAX_ERASED_ADDRESSES} addresses"
        raise ValueError(f"An erasure must have {limits}.")
    for address in raw.addresses:
        _require_key(address, "addresses")
    if len(raw.seen) > MAX_SEEN_ORIGINS or not all(ids.is_auth(auth) for auth in raw.seen):
        raise ValueError(f"seen must name at most {MAX_SEEN_ORIGINS} Auths.")
    if any(ids.parse_movement_id(change_id) is None for change_id in raw.seen.values()):
        raise ValueError("seen must have an id in decimal digits for each Auth.")
    not_seen = [change_id for ids_of_origin in raw.not_seen.values() for change_id in ids_of_origin]
    if len(not_seen) > MAX_NOT_SEEN or any(ids.parse_movement_id(each) is None for each in not_seen):
        raise ValueError(f"not_seen must have at most {MAX_NOT_SEEN} ids in decimal digits.")
    return ErasureDetails(key, tuple(raw.tokens), tuple(raw.addresses), raw.seen, raw.not_seen)


def _require_key(address: str, name: str) -> None:
    if normalise(address) != address:
        raise ValueError(f"{name} must be the key of an address: in lower case, normalised.")


def _read_digest(raw: WireChange, change: Change) -> int:
    """The digest that the origin has stored. Raises ValueError if it is malformed, _Altered if it does not match.

    It is not checked if the change names an erased person, because the erasure has replaced an address.
    """
    computed = digest(change)
    if raw.digest is None:
        return computed
    sent = digests.from_text(raw.digest)
    if sent is None:
        raise ValueError("digest must be 32 hex digits.")
    if sent != computed and not any(map(is_token, change.addresses)):
        raise _Altered("Its content does not match its digest.")
    return sent

"""The pinned key of another site, and a new key that it offers, until an admin decides."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.ping import PingResult
from pointsync.sync.remotes import remotes


@dataclass(frozen=True, slots=True)
class KeyFingerprints:
    """The fingerprints of a remote's site; None if there is no such key."""

    pinned: str | None
    offered: str | None
    refused_at: datetime | None
    """When an admin refused the offered key; None while nobody has decided."""


def save_keys(origin: Origin, ping_result: PingResult) -> None:
    """Save the keys that a ping found.

    The first successful ping pins its key. Another key is stored as offered, and a refused one stays refused; it is
    forgotten when the pinned key answers. A ping from before an admin's decision changes nothing.
    """
    if ping_result.is_ok:
        origin.public_key = origin.public_key or ping_result.signing_key
    if ping_result.signing_key and ping_result.signing_key == origin.public_key:
        origin.offered_key = origin.key_refused_at = None
    elif ping_result.offered_key and ping_result.offered_key not in (origin.public_key, origin.offered_key):
        origin.offered_key, origin.key_refused_at = ping_result.offered_key, None


def read(session: Session, remote: Remote) -> KeyFingerprints:
    """The keys of a remote's site."""
    origin = session.get(Origin, remote.auth)
    if origin is None:
        return KeyFingerprints(None, None, None)
    return KeyFingerprints(_fingerprint(origin.public_key), _fingerprint(origin.offered_key), origin.key_refused_at)


def list_offered(session: Session) -> dict[str, datetime | None]:
    """By Auth, the sites that offer another key: when it was refused, None if undecided."""
    query = select(Origin.auth, Origin.key_refused_at).where(Origin.offered_key.is_not(None))
    return {row.auth: row.key_refused_at for row in session.execute(query)}


def accept(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Pin the offered key for every remote of that site, and send everything that waits.

    Raises Conflict `no_other_key` if none is offered, `changed_meanwhile` if it has another fingerprint than
    `fingerprint` (None accepts any).
    """
    remotes_of_site = session.scalars(
        select(Remote).where(Remote.auth == remote.auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    ).all()
    for each_remote in remotes_of_site:
        Remote.get_for_update(session, each_remote.id)
    # Lock it after the remotes, in the same order as a check.
    origin = _lock_offering_origin(session, remote, fingerprint)
    origin.public_key, origin.offered_key, origin.key_refused_at = origin.offered_key, None, None
    session.flush()
    for each_remote in remotes_of_site:
        remotes.retry(session, each_remote, now)
        # A check that is running now used the old key: with another version its result is ignored.
        each_remote.version += 1
    session.flush()


def refuse(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Keep the pinned key; admins are not asked about the offered one again. Raises Conflict as `accept` does."""
    _lock_offering_origin(session, remote, fingerprint).key_refused_at = now
    session.flush()


def _lock_offering_origin(session: Session, remote: Remote, fingerprint: str | None) -> Origin:
    origin = session.get_one(Origin, remote.auth, with_for_update=True, populate_existing=True)
    if origin.offered_key is None:
        raise Conflict("no_other_key", f"{remote.display_name} offers no other key than the pinned one.")
    if fingerprint is not None and _normalize_fingerprint(fingerprint) != _normalize_fingerprint(
        crypto.format_fingerprint(origin.offered_key)
    ):
        raise Conflict("changed_meanwhile", "The offered key has a different fingerprint now. Check it again.")
    return origin


def _fingerprint(key: str | None) -> str | None:
    return crypto.format_fingerprint(key) if key else None


def _normalize_fingerprint(fingerprint: str) -> str:
    return "".join(fingerprint.split()).lower()

"""The key that is pinned for another site; and another one that answers in its name, until an admin decides."""

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
    """Of the site that a line leads to, as fingerprints; None where there is no such key."""

    pinned: str | None
    offered: str | None
    refused_at: datetime | None
    """When an admin has refused the offered one; None while nobody has decided."""


def save_keys(origin: Origin, ping_result: PingResult) -> None:
    """Keep what a ping has told of the keys.

    The first good one pins. Another key is kept as offered, a refused one as refused; it is forgotten once
    the pinned one answers. A verdict from before an admin's decision changes nothing.
    """
    if ping_result.is_ok:
        origin.public_key = origin.public_key or ping_result.signing_key
    if ping_result.signing_key and ping_result.signing_key == origin.public_key:
        origin.offered_key = origin.key_refused_at = None
    elif ping_result.offered_key and ping_result.offered_key not in (origin.public_key, origin.offered_key):
        origin.offered_key, origin.key_refused_at = ping_result.offered_key, None


def read(session: Session, remote: Remote) -> KeyFingerprints:
    """The keys of the site that a line leads to."""
    origin = session.get(Origin, remote.auth)
    if origin is None:
        return KeyFingerprints(None, None, None)
    return KeyFingerprints(_fingerprint(origin.public_key), _fingerprint(origin.offered_key), origin.key_refused_at)


def list_offered(session: Session) -> dict[str, datetime | None]:
    """The Auths of the sites that offer another key than the pinned one: when it was refused, None if undecided."""
    query = select(Origin.auth, Origin.key_refused_at).where(Origin.offered_key.is_not(None))
    return {row.auth: row.key_refused_at for row in session.execute(query)}


def accept(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Pin the offered key in place of the pinned one, for every line to that site, and send what waits.

    Raises Conflict `no_other_key` where none is offered, `changed_meanwhile` where it is not the one of
    `fingerprint` (None: whichever it is).
    """
    remotes_of_site = session.scalars(
        select(Remote).where(Remote.auth == remote.auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    ).all()
    for each_remote in remotes_of_site:
        Remote.get_for_update(session, each_remote.id)
    # After the lines, as a check locks them.
    origin = _lock_offering_origin(session, remote, fingerprint)
    origin.public_key, origin.offered_key, origin.key_refused_at = origin.offered_key, None, None
    session.flush()
    for each_remote in remotes_of_site:
        remotes.retry(session, each_remote, now)
        # What is being asked just now was asked of the key of before.
        each_remote.version += 1
    session.flush()


def refuse(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Keep the pinned key; nobody is asked about the offered one again. Raises Conflict as `accept` does."""
    _lock_offering_origin(session, remote, fingerprint).key_refused_at = now
    session.flush()


def _lock_offering_origin(session: Session, remote: Remote, fingerprint: str | None) -> Origin:
    origin = session.get_one(Origin, remote.auth, with_for_update=True, populate_existing=True)
    if origin.offered_key is None:
        raise Conflict("no_other_key", f"{remote.name or remote.url} offers no other key than the pinned one.")
    if fingerprint is not None and _normalize_fingerprint(fingerprint) != _normalize_fingerprint(
        crypto.format_fingerprint(origin.offered_key)
    ):
        raise Conflict("changed_meanwhile", "The offered key is not the one of that fingerprint; look at it again.")
    return origin


def _fingerprint(key: str | None) -> str | None:
    return crypto.format_fingerprint(key) if key else None


def _normalize_fingerprint(fingerprint: str) -> str:
    return "".join(fingerprint.split()).lower()

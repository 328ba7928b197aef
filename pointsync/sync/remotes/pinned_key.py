"""The key that is pinned for another site; and another one that answers in its name, until an admin decides."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.ping import Verdict
from pointsync.sync.remotes import remotes


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the site that a line leads to, as fingerprints; None where there is no such key."""

    pinned: str | None
    offered: str | None
    refused_at: datetime | None
    """When an admin has refused the offered one; None while nobody has decided."""


def note(origin: Origin, verdict: Verdict) -> None:
    """Keep what a ping has told of the keys.

    The first good one pins. Another key is kept as offered, a refused one as refused; it is forgotten once
    the pinned one answers. A verdict from before an admin's decision changes nothing.
    """
    if verdict.ok:
        origin.public_key = origin.public_key or verdict.key
    if verdict.key and verdict.key == origin.public_key:
        origin.offered_key = origin.key_refused_at = None
    elif verdict.offered_key and verdict.offered_key not in (origin.public_key, origin.offered_key):
        origin.offered_key, origin.key_refused_at = verdict.offered_key, None


def read(session: Session, remote: Remote) -> Keys:
    """The keys of the site that a line leads to."""
    origin = session.get(Origin, remote.auth)
    if origin is None:
        return Keys(None, None, None)
    return Keys(_shown(origin.public_key), _shown(origin.offered_key), origin.key_refused_at)


def offered(session: Session) -> dict[str, datetime | None]:
    """The Auths of the sites that offer another key than the pinned one: when it was refused, None if undecided."""
    query = select(Origin.auth, Origin.key_refused_at).where(Origin.offered_key.is_not(None))
    return {row.auth: row.key_refused_at for row in session.execute(query)}


def accept(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Pin the offered key in place of the pinned one, for every line to that site, and send what waits.

    Raises Conflict `no_other_key` where none is offered, `changed_meanwhile` where it is not the one of
    `fingerprint` (None: whichever it is).
    """
    lines = session.scalars(
        select(Remote).where(Remote.auth == remote.auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    ).all()
    for line in lines:
        Remote.locked(session, line.id)
    # After the lines, as a check locks them.
    origin = _decided(session, remote, fingerprint)
    origin.public_key, origin.offered_key, origin.key_refused_at = origin.offered_key, None, None
    session.flush()
    for line in lines:
        remotes.retry(session, line, now)
        # What is being asked just now was asked of the key of before.
        line.version += 1
    session.flush()


def refuse(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Keep the pinned key; nobody is asked about the offered one again. Raises Conflict as `accept` does."""
    _decided(session, remote, fingerprint).key_refused_at = now
    session.flush()


def _decided(session: Session, remote: Remote, fingerprint: str | None) -> Origin:
    origin = session.get_one(Origin, remote.auth, with_for_update=True, populate_existing=True)
    if origin.offered_key is None:
        raise Conflict("no_other_key", f"{remote.name or remote.url} offers no other key than the pinned one.")
    if fingerprint is not None and _digits(fingerprint) != _digits(crypto.fingerprint(origin.offered_key)):
        raise Conflict("changed_meanwhile", "The offered key is not the one of that fingerprint; look at it again.")
    return origin


def _shown(key: str | None) -> str | None:
    return crypto.fingerprint(key) if key else None


def _digits(fingerprint: str) -> str:
    return "".join(fingerprint.split()).lower()

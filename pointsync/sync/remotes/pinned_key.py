"""The pinned key of another site, and other keys in its name, until an admin decides."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.ping import WOOREWARDS, PingResult
from pointsync.sync.remotes import remotes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyFingerprints:
    """The fingerprints of a remote's site; None if there is no such key."""

    pinned: str | None
    offered: str | None
    """The key that an admin can accept or refuse."""
    refused_at: datetime | None
    """When an admin refused the offered key; None while nobody has decided."""
    is_from_calls: bool = False
    """Whether the offered key is known only from that site's calls, and not from an answer at its URL."""


def save_keys(origin: Origin, ping_result: PingResult) -> None:
    """Save the keys that a ping found.

    The first answer that proves the Pass pins its key, also instead of an unproven one. Another key is stored as
    offered, and a refused one stays refused; it is forgotten when the pinned key answers. A ping from before an
    admin's decision changes nothing. A WooRewards shop has no key, so keys that others used in its name are forgotten.
    """
    is_refused = origin.key_refused_at is not None and ping_result.signing_key == origin.offered_key
    if ping_result.is_key_proven and not origin.is_key_proven and not is_refused:
        _pin_proven(origin, ping_result.signing_key)
    if ping_result.signing_key and ping_result.signing_key == origin.pinned_key:
        origin.offered_key = origin.key_refused_at = None
    elif ping_result.offered_key and ping_result.offered_key not in (origin.pinned_key, origin.offered_key):
        origin.offered_key, origin.key_refused_at = ping_result.offered_key, None
    elif ping_result.dialect == WOOREWARDS and not origin.is_key_proven:
        origin.set_key(None, is_proven=False)
        origin.offered_key = origin.key_refused_at = None


def _pin_proven(origin: Origin, key: str | None) -> None:
    if origin.unproven_key not in (None, key):
        log.warning(
            "%s has proven another key than the one that was used in its name: what came with that key is not its own",
            origin.auth,
            extra={"origin": origin.auth},
        )
    origin.set_key(key, is_proven=True)


def read(session: Session, remote: Remote) -> KeyFingerprints:
    """The keys of a remote's site."""
    origin = session.get(Origin, remote.auth)
    if origin is None:
        return KeyFingerprints(None, None, None)
    is_from_calls = origin.undecided_key != origin.offered_key
    return KeyFingerprints(
        _fingerprint(origin.pinned_key),
        _fingerprint(origin.undecided_key),
        None if is_from_calls else origin.key_refused_at,
        is_from_calls,
    )


def list_undecided(session: Session) -> dict[str, datetime | None]:
    """By Auth, the listed sites with a key that an admin can accept or refuse: when it was refused, None if never."""
    listed = select(Remote.auth).where(Remote.deleted_at.is_(None))
    has_unproven = Origin.public_key.is_not(None) & ~Origin.is_key_proven
    query = select(Origin).where(Origin.auth.in_(listed), or_(Origin.offered_key.is_not(None), has_unproven))
    return {
        origin.auth: origin.key_refused_at if origin.undecided_key == origin.offered_key else None
        for origin in session.scalars(query)
    }


def accept(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Pin the offered key for every remote of that site, and send everything that waits. A site with another key was
    set up again, so its runs begin anew.

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
    origin.set_key(origin.undecided_key, is_proven=True)
    origin.offered_key = origin.key_refused_at = None
    session.flush()
    for each_remote in remotes_of_site:
        remotes.retry(session, each_remote, now)
        # A check that is running now used the old key: with another version its result is ignored.
        each_remote.version += 1
    session.flush()


def refuse(session: Session, remote: Remote, fingerprint: str | None, now: datetime) -> None:
    """Do not trust the offered key; admins are not asked about it again. Raises Conflict as `accept` does.

    A pinned key stays. If the refused key is the one of the site's calls, it is forgotten, and such calls are refused.
    """
    origin = _lock_offering_origin(session, remote, fingerprint)
    origin.offered_key, origin.key_refused_at = origin.undecided_key, now
    if origin.unproven_key == origin.offered_key:
        origin.set_key(None, is_proven=False)
    session.flush()


def _lock_offering_origin(session: Session, remote: Remote, fingerprint: str | None) -> Origin:
    origin = session.get_one(Origin, remote.auth, with_for_update=True, populate_existing=True)
    if origin.undecided_key is None:
        raise Conflict("no_other_key", f"{remote.display_name} offers no other key than the pinned one.")
    if fingerprint is not None and _normalize_fingerprint(fingerprint) != _normalize_fingerprint(
        crypto.format_fingerprint(origin.undecided_key)
    ):
        raise Conflict("changed_meanwhile", "The offered key has a different fingerprint now. Check it again.")
    return origin


def _fingerprint(key: str | None) -> str | None:
    return crypto.format_fingerprint(key) if key else None


def _normalize_fingerprint(fingerprint: str) -> str:
    return "".join(fingerprint.split()).lower()

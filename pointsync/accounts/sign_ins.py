"""Sign-ins: begun, found again by the browser's token, listed, ended."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.errors import Conflict, NotFound
from pointsync.ledger import audit_recorder
from pointsync.models import Admin, SignIn
from pointsync.text_limits import clean, is_storable

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=30)
UNUSED = timedelta(days=14)
"""After so long without use a sign-in ends, before its lifetime is over."""
MINUTE = timedelta(minutes=1)
MOST = 50
"""Sign-ins of one admin; of more, those that were not used for longest end."""
HOUR = timedelta(hours=1)
KNOWN = timedelta(days=90)
"""How long an address is known as one from which an admin has signed in."""
MOST_FAILED = 30
"""Failed sign-ins noted in an hour, so that a guesser cannot fill the disk."""


def begin(
    session: Session, admin: Admin, now: datetime, *, address: str = "", browser: str = "", how: str = "password"
) -> str:
    """A new sign-in of `admin`; the token that its browser keeps. Sign-ins past their time are forgotten.

    Raises Conflict for an admin who has been disabled or removed meanwhile.
    """
    kept = session.get(Admin, admin.id, with_for_update=True, populate_existing=True)
    if kept is None or kept.disabled_at is not None:
        raise Conflict("admin_disabled", "This admin may not sign in any more; ask another admin.")
    session.execute(delete(SignIn).where(~_lives(now)))
    of_admin = select(SignIn.id).where(SignIn.admin_id == admin.id)
    old = of_admin.order_by(SignIn.seen_at.desc(), SignIn.id.desc()).offset(MOST - 1).limit(MOST)
    session.execute(delete(SignIn).where(SignIn.id.in_(list(session.scalars(old)))))
    token = ids.new_token()
    facts = {"address": clean(address, 64), "browser": clean(browser, 80), "how": how}
    session.add(SignIn(admin_id=admin.id, digest=crypto.digest(token), began_at=now, seen_at=now, **facts))
    session.flush()
    log.info("admin %s has signed in", admin.id, extra={"admin": admin.id})
    audit_recorder.note(session, "signed in", "admin", admin.id, admin.name)
    return token


def find(session: Session, token: str, now: datetime) -> SignIn | None:
    """The sign-in with that token; None once it has ended, or its admin is disabled."""
    query = select(SignIn).join(SignIn.admin)
    return session.scalar(query.where(SignIn.digest == crypto.digest(token), _lives(now), Admin.disabled_at.is_(None)))


def used(session: Session, sign_in_id: int, address: str, now: datetime) -> None:
    """Note that it is used, and from where; at most once a minute, whoever asks."""
    row = update(SignIn).where(SignIn.id == sign_in_id, SignIn.seen_at <= now - MINUTE)
    session.execute(row.values(seen_at=now, address=clean(address, 64)))


def newest(session: Session, now: datetime, limit: int) -> list[SignIn]:
    """Who is signed in, and where: those used last first, at most `limit`."""
    query = select(SignIn).where(_lives(now)).order_by(SignIn.seen_at.desc(), SignIn.id.desc())
    return list(session.scalars(query.limit(limit)))


def end(session: Session, token: str) -> None:
    """End the sign-in with that token; one that has ended already stays so."""
    query = select(SignIn).where(SignIn.digest == crypto.digest(token))
    row = session.scalar(query.with_for_update(of=SignIn))
    if row is not None:
        session.delete(row)
        audit_recorder.note(session, "signed out", "admin", row.admin_id, row.admin.name)
        log.info("admin %s has signed out", row.admin_id, extra={"admin": row.admin_id})


def end_one(session: Session, sign_in_id: int) -> SignIn:
    """End that sign-in; what it was. Raises NotFound for one that has ended."""
    row = session.scalar(select(SignIn).where(SignIn.id == sign_in_id).with_for_update(of=SignIn))
    if row is None:
        raise NotFound("unknown_sign_in", "There is no such sign-in; it may have ended already.")
    session.delete(row)
    _note_ended(session, row.admin, 1)
    return row


def end_all(session: Session, admin: Admin, but: int | None = None) -> int:
    """End all sign-ins of `admin`, without the one with the id `but`; how many there were."""
    query = select(SignIn.id).where(SignIn.admin_id == admin.id)
    found = list(session.scalars(query if but is None else query.where(SignIn.id != but)))
    if found:
        session.execute(delete(SignIn).where(SignIn.id.in_(found)))
        _note_ended(session, admin, len(found))
    return len(found)


def note_failure(session: Session, name: str, now: datetime) -> None:
    """Note that somebody has typed a wrong name or password; a guesser's, beyond so many in an hour, no more.

    A name that no admin has is left out: it may be a password, typed into the wrong field.
    """
    if audit_recorder.count_since(session, now - HOUR, "failed", "") < MOST_FAILED:
        known = select(Admin.name).where(Admin.name == name)
        audit_recorder.note(
            session, "failed", "sign-in", thing=(session.scalar(known) if is_storable(name) else None) or ""
        )


def is_noted(session: Session, name: str, now: datetime) -> bool:
    """Whether a sign-in of that name was noted within the hour: a caller without cookies begins one each time."""
    return audit_recorder.count_since(session, now - HOUR, "signed in", name) > 0


def is_known(session: Session, name: str, address: str, now: datetime) -> bool:
    """Whether an admin of that name has signed in from `address` within `KNOWN`."""
    return is_storable(name) and audit_recorder.count_since(session, now - KNOWN, "signed in", name, address) > 0


def _lives(now: datetime) -> ColumnElement[bool]:
    """Whether a sign-in goes on: both its lifetime, and the time that it may be left unused."""
    return (SignIn.began_at > now - LIFETIME) & (SignIn.seen_at > now - UNUSED)


def _note_ended(session: Session, admin: Admin, browsers: int) -> None:
    audit_recorder.note(session, "signed out", "admin", admin.id, admin.name, after={"browsers": browsers})
    log.info("admin %s is signed out of %s browsers", admin.id, browsers, extra={"admin": admin.id})

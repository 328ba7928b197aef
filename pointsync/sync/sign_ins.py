"""Sign-ins: begun, found again by the browser's token, ended."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.ledger import audit
from pointsync.ledger.bounds import is_storable
from pointsync.models import Admin, SignIn

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=30)
HOUR = timedelta(hours=1)
KNOWN = timedelta(days=90)
"""How long an address is known as one from which an admin has signed in."""
MOST_FAILED = 30
"""Failed sign-ins noted in an hour, so that a guesser cannot fill the disk."""


def begin(session: Session, admin: Admin, now: datetime) -> str:
    """A new sign-in of `admin`; the token that its browser keeps. Sign-ins past their time are forgotten."""
    session.execute(delete(SignIn).where(SignIn.began_at <= now - LIFETIME))
    token = ids.new_token()
    session.add(SignIn(admin_id=admin.id, digest=crypto.digest(token), began_at=now))
    session.flush()
    log.info("admin %s has signed in", admin.id, extra={"admin": admin.id})
    audit.note(session, "signed in", "admin", admin.id, admin.name)
    return token


def find(session: Session, token: str, now: datetime) -> Admin | None:
    """Who is signed in with that token; None once it has ended."""
    query = select(SignIn).where(SignIn.digest == crypto.digest(token), SignIn.began_at > now - LIFETIME)
    row = session.scalar(query)
    return row.admin if row else None


def end(session: Session, token: str) -> None:
    """End the sign-in with that token; one that has ended already stays so."""
    query = select(SignIn).where(SignIn.digest == crypto.digest(token))
    row = session.scalar(query.with_for_update(of=SignIn))
    if row is not None:
        session.delete(row)
        audit.note(session, "signed out", "admin", row.admin_id, row.admin.name)
        log.info("admin %s has signed out", row.admin_id, extra={"admin": row.admin_id})


def note_failure(session: Session, name: str, now: datetime) -> None:
    """Note that somebody has typed a wrong name or password; a guesser's, beyond so many in an hour, no more.

    A name that no admin has is left out: it may be a password, typed into the wrong field.
    """
    if audit.count_since(session, now - HOUR, "failed", "") < MOST_FAILED:
        known = select(Admin.name).where(Admin.name == name)
        audit.note(session, "failed", "sign-in", thing=(session.scalar(known) if is_storable(name) else None) or "")


def is_noted(session: Session, name: str, now: datetime) -> bool:
    """Whether a sign-in of that name was noted within the hour: a caller without cookies begins one each time."""
    return audit.count_since(session, now - HOUR, "signed in", name) > 0


def is_known(session: Session, name: str, address: str, now: datetime) -> bool:
    """Whether an admin of that name has signed in from `address` within `KNOWN`."""
    return is_storable(name) and audit.count_since(session, now - KNOWN, "signed in", name, address) > 0

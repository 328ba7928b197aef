"""Sign-ins: create, find, list and end them. The browser keeps the token; the database keeps its hash."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.errors import Conflict, NotFound
from pointsync.ledger import audit_recorder
from pointsync.models import Admin, SignIn
from pointsync.text_limits import is_storable, sanitise

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=30)
IDLE_TIMEOUT = timedelta(days=14)
"""A sign-in that is not used for this long ends before its lifetime is over."""
USE_RESOLUTION = timedelta(minutes=1)
MAX_PER_ADMIN = 50
"""Sign-ins of one admin. A new one ends the one that was unused for longest."""
HOUR = timedelta(hours=1)
KNOWN_ADDRESS_PERIOD = timedelta(days=90)
"""How long an address counts as one from which an admin has signed in."""
MAX_LOGGED_FAILURES = 30
"""Failed sign-ins logged per hour, so that somebody who guesses passwords cannot fill the disk."""


def create(
    session: Session, admin: Admin, now: datetime, *, address: str = "", browser: str = "", how: str = "password"
) -> str:
    """Create a sign-in of `admin` and return the token for the browser. Deletes sign-ins that have ended.

    Raises Conflict if the admin has been disabled or removed meanwhile.
    """
    locked = session.get(Admin, admin.id, with_for_update=True, populate_existing=True)
    if locked is None or locked.disabled_at is not None:
        raise Conflict("admin_disabled", "This account may no longer sign in. Ask another admin.")
    session.execute(delete(SignIn).where(~_is_active(now)))
    of_admin = select(SignIn.id).where(SignIn.admin_id == admin.id)
    oldest_ids = (
        of_admin.order_by(SignIn.seen_at.desc(), SignIn.id.desc()).offset(MAX_PER_ADMIN - 1).limit(MAX_PER_ADMIN)
    )
    session.execute(delete(SignIn).where(SignIn.id.in_(list(session.scalars(oldest_ids)))))
    token = ids.new_token()
    details = {"address": sanitise(address, 64), "browser": sanitise(browser, 80), "how": how}
    session.add(SignIn(admin_id=admin.id, digest=crypto.sha256_hex(token), began_at=now, seen_at=now, **details))
    session.flush()
    log.info("admin %s has signed in", admin.id, extra={"admin": admin.id})
    audit_recorder.log_action(session, "signed in", "admin", admin.id, admin.name)
    return token


def find(session: Session, token: str, now: datetime) -> SignIn | None:
    """The sign-in with this token; None if it has ended or its admin is disabled."""
    query = select(SignIn).join(SignIn.admin)
    return session.scalar(
        query.where(SignIn.digest == crypto.sha256_hex(token), _is_active(now), Admin.disabled_at.is_(None))
    )


def record_use(session: Session, sign_in_id: int, address: str, now: datetime) -> None:
    """Store the time and address of a use, at most once a minute."""
    statement = update(SignIn).where(SignIn.id == sign_in_id, SignIn.seen_at <= now - USE_RESOLUTION)
    session.execute(statement.values(seen_at=now, address=sanitise(address, 64)))


def prune(session: Session, now: datetime) -> None:
    """Delete the sign-ins that have ended. Those from before the clock was set back count from now on."""
    session.execute(delete(SignIn).where(~_is_active(now)))
    for column in (SignIn.began_at, SignIn.seen_at):
        session.execute(update(SignIn).where(column > now).values({column: now}))


def list_recent(session: Session, now: datetime, limit: int) -> list[SignIn]:
    """The sign-ins that have not ended, at most `limit`; the last used comes first."""
    query = select(SignIn).where(_is_active(now)).order_by(SignIn.seen_at.desc(), SignIn.id.desc())
    return list(session.scalars(query.limit(limit)))


def end(session: Session, token: str) -> None:
    """End the sign-in with this token, if there is one."""
    query = select(SignIn).where(SignIn.digest == crypto.sha256_hex(token))
    row = session.scalar(query.with_for_update(of=SignIn))
    if row is not None:
        session.delete(row)
        audit_recorder.log_action(session, "signed out", "admin", row.admin_id, row.admin.name)
        log.info("admin %s has signed out", row.admin_id, extra={"admin": row.admin_id})


def end_by_id(session: Session, sign_in_id: int) -> SignIn:
    """End a sign-in and return it. Raises NotFound if it has ended already."""
    row = session.scalar(select(SignIn).where(SignIn.id == sign_in_id).with_for_update(of=SignIn))
    if row is None:
        raise NotFound("unknown_sign_in", "There is no such sign-in. It may have ended already.")
    session.delete(row)
    _log_ended(session, row.admin, 1)
    return row


def end_all(session: Session, admin: Admin, except_id: int | None = None) -> int:
    """End all sign-ins of `admin` but the one with the id `except_id`. Return how many were ended."""
    query = select(SignIn.id).where(SignIn.admin_id == admin.id)
    sign_in_ids = list(session.scalars(query if except_id is None else query.where(SignIn.id != except_id)))
    if sign_in_ids:
        session.execute(delete(SignIn).where(SignIn.id.in_(sign_in_ids)))
        _log_ended(session, admin, len(sign_in_ids))
    return len(sign_in_ids)


def log_failure(session: Session, name: str, now: datetime) -> None:
    """Log a sign-in with a wrong name or password, unless `MAX_LOGGED_FAILURES` were logged in the last hour.

    An unknown name is not logged: it may be a password typed into the wrong field.
    """
    if audit_recorder.count_actions(session, now - HOUR, "failed", "") < MAX_LOGGED_FAILURES:
        admin_name = select(Admin.name).where(Admin.name == name)
        audit_recorder.log_action(
            session, "failed", "sign-in", thing=(session.scalar(admin_name) if is_storable(name) else None) or ""
        )


def has_recent_sign_in(session: Session, name: str, now: datetime) -> bool:
    """Whether a sign-in of this name was logged in the last hour. A client without cookies signs in at each call."""
    return audit_recorder.count_actions(session, now - HOUR, "signed in", name) > 0


def is_known_address(session: Session, name: str, address: str, now: datetime) -> bool:
    """Whether an admin with this name signed in from `address` within `KNOWN_ADDRESS_PERIOD`."""
    return (
        is_storable(name)
        and audit_recorder.count_actions(session, now - KNOWN_ADDRESS_PERIOD, "signed in", name, address) > 0
    )


def _is_active(now: datetime) -> ColumnElement[bool]:
    """That a sign-in has not ended: neither by its lifetime nor by being idle."""
    return (SignIn.began_at > now - LIFETIME) & (SignIn.seen_at > now - IDLE_TIMEOUT)


def _log_ended(session: Session, admin: Admin, browsers: int) -> None:
    audit_recorder.log_action(session, "signed out", "admin", admin.id, admin.name, after={"browsers": browsers})
    log.info("admin %s is signed out of %s browsers", admin.id, browsers, extra={"admin": admin.id})

"""Sign-ins: begun, found again by the browser's token, ended."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.models import Admin, SignIn

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=30)


def begin(session: Session, admin: Admin, now: datetime) -> str:
    """A new sign-in of `admin`; the token that its browser keeps. Sign-ins past their time are forgotten."""
    session.execute(delete(SignIn).where(SignIn.began_at <= now - LIFETIME))
    token = ids.new_token()
    session.add(SignIn(admin_id=admin.id, digest=crypto.digest(token), began_at=now))
    session.flush()
    log.info("admin %s has signed in", admin.id, extra={"admin": admin.id})
    return token


def find(session: Session, token: str, now: datetime) -> Admin | None:
    """Who is signed in with that token; None once it has ended."""
    query = select(SignIn).where(SignIn.digest == crypto.digest(token), SignIn.began_at > now - LIFETIME)
    row = session.scalar(query)
    return row.admin if row else None


def end(session: Session, token: str) -> None:
    """End the sign-in with that token; one that has ended already stays so."""
    query = delete(SignIn).where(SignIn.digest == crypto.digest(token)).returning(SignIn.admin_id)
    for admin_id in session.scalars(query):
        log.info("admin %s has signed out", admin_id, extra={"admin": admin_id})

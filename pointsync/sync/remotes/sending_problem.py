"""Why this site cannot send anything now, whatever the state of its remotes."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db, leases
from pointsync.models import Site

READ_ONLY, STOPPED, FETCHING_BACK, NO_WORKER, SILENT_WORKER = REASONS = (
    "read_only",
    "stopped",
    "fetching_back",
    "no_worker",
    "silent_worker",
)
SERVER_REASONS = (READ_ONLY, NO_WORKER, SILENT_WORKER)
"""Those that only somebody on the server can solve."""
SENTENCES = {
    READ_ONLY: "Nothing is recorded or sent, since the database can only be read. Make it writable on its server.",
    FETCHING_BACK: "Nothing is sent until this site has its lost movements back. System › Network shows how far it is.",
    NO_WORKER: "Nothing is sent, since no worker is running. Start pointsync serve or pointsync worker on its server.",
    SILENT_WORKER: "Nothing is sent, since the scheduler does not respond any more. Restart this site on its server.",
}


_SELECT_SITE = select(Site.hold, Site.is_fetching_back)


def find_reason(session: Session) -> str | None:
    """One of REASONS; None if the site can send."""
    return _find(session)[0]


def find(session: Session) -> str | None:
    """A sentence for admins; None if the site can send."""
    reason, stopped_reason = _find(session)
    if reason == STOPPED:
        return f"Sending is stopped: {stopped_reason}"
    return SENTENCES[reason] if reason else None


def _find(session: Session) -> tuple[str | None, str | None]:
    """One of REASONS or None, and why sending is stopped."""
    stopped_reason, is_fetching_back = session.execute(_SELECT_SITE).one()
    if db.is_read_only(session):
        return READ_ONLY, stopped_reason
    if stopped_reason:
        return STOPPED, stopped_reason
    if is_fetching_back:
        return FETCHING_BACK, None
    age_seconds = leases.heartbeat_age_seconds(session)
    if leases.is_recent(age_seconds):
        return None, None
    return NO_WORKER if age_seconds is None else SILENT_WORKER, None

"""Why this site cannot send anything now, whatever the state of its remotes."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db, leases
from pointsync.ledger.fetch_back import state as fetch_back
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


def find_reason(session: Session) -> str | None:
    """One of REASONS; None if the site can send."""
    if db.is_read_only(session):
        return READ_ONLY
    if session.scalar(select(Site.hold)):
        return STOPPED
    if fetch_back.is_running(session):
        return FETCHING_BACK
    if leases.is_any_alive(session):
        return None
    return NO_WORKER if leases.heartbeat_age_seconds(session) is None else SILENT_WORKER


def find(session: Session) -> str | None:
    """A sentence for admins; None if the site can send."""
    reason = find_reason(session)
    if reason == STOPPED:
        return f"Sending is stopped: {session.scalar(select(Site.hold))}"
    return SENTENCES[reason] if reason else None

"""The first checks of a run: nothing is sent before every remote was asked what it has heard from this site.

A remote may know that this database is a copy, or that it was set back. Those that do not answer delay sending only by
the time limits of one call.
"""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from pointsync.models import Origin, Remote, Site
from pointsync.sync.protocol.ping import WOOREWARDS


def list_due(session: Session) -> list[int]:
    """The remotes that have not been checked in the current run."""
    return list(session.scalars(select(Remote.id).where(*_conditions()).order_by(Remote.id)))


def list_asked(session: Session) -> list[int]:
    """The remotes that know something about runs, and are called."""
    return list(session.scalars(select(Remote.id).where(*_is_asked()).order_by(Remote.id)))


def is_any_due() -> ColumnElement[bool]:
    """For queries: whether a remote has not been checked in the current run."""
    return exists().where(*_conditions())


def mark_done(session: Session, remote: Remote) -> None:
    """Do not wait for the remote's first check in this run; what it knows, its own next call finds out."""
    remote.checked_run = session.scalar(select(Site.run))


def mark_done_by_id(session: Session, remote_id: int) -> None:
    """The same for the remote with that id."""
    mark_done(session, session.get_one(Remote, remote_id))


def _conditions() -> tuple[ColumnElement[bool], ...]:
    # While sending is stopped, remotes are asked without a run.
    run = select(Site.run).where(Site.hold.is_(None)).scalar_subquery()
    return (run.is_not(None), *_is_asked(), Remote.checked_run.is_distinct_from(run))


def _is_asked() -> tuple[ColumnElement[bool], ...]:
    return (
        Remote.deleted_at.is_(None),
        Remote.paused_at.is_(None),
        Remote.auth.not_in(Origin.select_blocked_auths()),
        # A WooRewards shop knows nothing about runs.
        or_(Remote.dialect.is_(None), Remote.dialect != WOOREWARDS),
    )

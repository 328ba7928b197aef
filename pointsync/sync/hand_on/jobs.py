"""What this site hands on: one job per remote, with its progress."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pointsync import clock, ids
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import HandOn, Movement, Remote
from pointsync.models.movement import LOCAL_KINDS
from pointsync.sync.hand_on.permissions import parse_auth
from pointsync.sync.protocol.ping import POINTSYNC


def start(session: Session, auth: str, now: datetime) -> list[HandOn]:
    """Hand on all movements of the site `auth` to every remote except itself; a second time, begin again.

    Raises InvalidInput for `auth`, Conflict `own_origin` for this site's own Auth, NotFound if no movement of it is
    here, Conflict `no_remotes`.
    """
    auth = parse_auth(auth, "auth")
    if auth == get_local_auth(session):
        message = "This is the Auth of this site, which sends its movements anyway."
        raise Conflict("own_origin", message, {"auth": message})
    if session.scalar(select(Movement.seq).where(Movement.origin == auth).limit(1)) is None:
        raise NotFound("unknown_origin", "No movements of a site with that Auth are here.")
    remotes = session.scalars(
        select(Remote).where(
            Remote.deleted_at.is_(None),
            Remote.closing_at.is_(None),
            Remote.auth != auth,
            or_(Remote.dialect.is_(None), Remote.dialect == POINTSYNC),
        )
    ).all()
    if not remotes:
        raise Conflict("no_remotes", "There is no other PointSync site on the list to hand them on to.")
    jobs = []
    for remote in remotes:
        job = session.get(HandOn, (auth, remote.id), with_for_update=True, populate_existing=True)
        if job is None:
            job = HandOn(origin=auth, remote_id=remote.id, started_at=now)
            session.add(job)
        job.started_at, job.stopped_at, job.finished_at, job.next_at, job.message = now, None, None, None, None
        job.after_seq = job.sent = job.applied = job.refused = 0
        job.total = count_movements(session, auth, remote.reserve_id)
        jobs.append(job)
    session.flush()
    return jobs


def stop(session: Session, auth: str, now: datetime) -> None:
    """Stop handing on the movements of that site; what was handed on stays. Raises NotFound if it is not running."""
    running = [job for job in list_all(session, ids.normalise_auth(auth.strip())) if job.state == "running"]
    if not running:
        raise NotFound("not_handed_on", "The movements of that site are not handed on now.")
    for job in running:
        job.stopped_at = now
    session.flush()


def list_all(session: Session, auth: str | None = None) -> list[HandOn]:
    """All jobs, by origin and remote; with `auth`, those of one origin."""
    query = select(HandOn).order_by(HandOn.origin, HandOn.remote_id).execution_options(populate_existing=True)
    return list(session.scalars(query if auth is None else query.where(HandOn.origin == auth)))


def to_json(job: HandOn) -> dict[str, Any]:
    """`{origin, remote, state, sent, total, applied, refused, message, started_at}`."""
    return {
        "origin": job.origin,
        "remote": job.remote_id,
        "state": job.state,
        "sent": job.sent,
        "total": job.total,
        "applied": job.applied,
        "refused": job.refused,
        "message": job.message,
        "started_at": clock.to_text(job.started_at),
    }


def count_movements(session: Session, auth: str, reserve_id: int) -> int:
    """How many movements of an origin in a reserve can be handed on."""
    return (
        session.scalar(select(func.count()).select_from(Movement).where(*handed_on_conditions(auth, reserve_id))) or 0
    )


def handed_on_conditions(auth: str, reserve_id: int) -> tuple[Any, ...]:
    """The conditions for an origin's movements in a reserve that can be handed on."""
    return (
        Movement.origin == auth,
        Movement.reserve_id == reserve_id,
        Movement.kind.not_in(sorted(LOCAL_KINDS)),
        Movement.points != 0,
    )

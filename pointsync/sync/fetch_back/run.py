"""The course of fetching back: fetch from all remotes, record what they returned, end. Driven by a tick."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from flask import Flask
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger.fetch_back import state, take_in
from pointsync.models import FetchState, Remote, RemoteFetch, Site
from pointsync.runtime import get_runtime
from pointsync.sync.fetch_back.fetch import MAX_RETRY_DELAY, fetch_remote
from pointsync.sync.protocol.ping import POINTSYNC

log = logging.getLogger(__name__)

MAX_PARALLEL_FETCHES = 8


def is_due(session: Session) -> bool:
    """Whether there is anything to do: it is running, or an admin continued without a remote.

    Not while sending is stopped: then the remotes may refuse this database.
    """
    if session.scalar(select(Site.hold)):
        return False
    return state.is_running(session) or session.scalar(RemoteFetch.select_unfetched().limit(1)) is not None


def run(app: Flask, renew_lease: Callable[[], bool]) -> None:
    """Do the next part: some pages from each remote, then record what is complete. It may stop anywhere."""
    if state.is_running(db.session()):
        run_in_transaction(lambda session: add_missing(session, clock.now()))
    with ThreadPoolExecutor(MAX_PARALLEL_FETCHES, thread_name_prefix="fetch") as pool:
        list(pool.map(partial(_fetch_one, app), list_due(db.session(), clock.now())))
    db.session.rollback()
    if not has_more_to_record(db.session()):
        return
    while renew_lease() and run_in_transaction(lambda session: take_in.record_next_chunk(session, clock.now())):
        pass
    if run_in_transaction(complete):
        get_runtime().wake_couriers()


def list_due(session: Session, now: datetime) -> list[int]:
    """The remotes with pages to fetch now."""
    next_at = RemoteFetch.next_at
    return list(
        session.scalars(
            select(RemoteFetch.remote_id)
            .join(Remote, Remote.id == RemoteFetch.remote_id)
            .where(
                RemoteFetch.state != FetchState.COMPLETE,
                RemoteFetch.finished_at.is_(None),
                or_(next_at.is_(None), next_at <= now, next_at > now + MAX_RETRY_DELAY),
                *_can_return(),
            )
            .order_by(RemoteFetch.remote_id)
        )
    )


def add_missing(session: Session, now: datetime) -> None:
    """Let every listed remote take part, also those that were added meanwhile."""
    known = select(RemoteFetch.remote_id)
    for remote_id in session.scalars(select(Remote.id).where(*_can_return(), Remote.id.not_in(known))).all():
        session.add(RemoteFetch(remote_id=remote_id, started_at=now))
    session.flush()


def list_incomplete(session: Session) -> list[int]:
    """The remotes that are waited for: not everything that they hold was fetched."""
    return list(
        session.scalars(
            select(Remote.id)
            .join(RemoteFetch, RemoteFetch.remote_id == Remote.id, isouter=True)
            .where(
                *_can_return(),
                or_(
                    RemoteFetch.remote_id.is_(None),
                    (RemoteFetch.state == FetchState.WAITING) & RemoteFetch.finished_at.is_(None),
                ),
            )
            .order_by(Remote.id)
        )
    )


def has_more_to_record(session: Session) -> bool:
    """Whether something that was returned may be recorded now, or the end may be reached.

    While it is running, every remote that is waited for must be fetched first: only then is it known whether they
    agree.
    """
    if state.is_running(session):
        return not session.scalar(select(Site.has_open_fetch)) and not list_incomplete(session)
    return take_in.is_waiting(session) or session.scalar(_select_fetched().limit(1)) is not None


def complete(session: Session) -> bool:
    """Complete the remotes that were fetched, and end it, unless something is still to be recorded.

    Return whether something may be sent now that could not be sent before.
    """
    if take_in.is_waiting(session) or not has_more_to_record(session):
        return False
    for fetch in session.scalars(_select_fetched()).all():
        fetch.state = FetchState.COMPLETE
    session.flush()
    if state.is_running(session):
        state.finish(session)
        log.info("the lost movements were fetched back")
        audit_recorder.log_action(session, "ended", "fetch back")
    return True


def _select_fetched() -> Select[RemoteFetch]:
    return select(RemoteFetch).where(RemoteFetch.state != FetchState.COMPLETE, RemoteFetch.finished_at.is_not(None))


def _can_return() -> tuple[ColumnElement[bool], ...]:
    """The conditions for remotes that take part: WooRewards shops return nothing."""
    return (Remote.deleted_at.is_(None), or_(Remote.dialect.is_(None), Remote.dialect == POINTSYNC))


def continue_without(session: Session, remote_ids: Sequence[int], now: datetime) -> None:
    """Do not wait for these remotes. Each is fetched when it answers, before anything is sent to it.

    Raises Conflict `not_fetching` if nothing is fetched back, NotFound for another remote, Conflict `fetched` for one
    that is not waited for, InvalidInput if none is named.
    """
    _require_running(session)
    add_missing(session, now)
    if not remote_ids:
        raise InvalidInput("without", "Name the remotes to continue without.")
    incomplete_ids = list_incomplete(session)
    for remote_id in sorted(set(remote_ids)):
        fetch = session.get(RemoteFetch, remote_id, populate_existing=True)
        if fetch is None:
            raise NotFound("unknown_remote", f"There is no remote {remote_id} to fetch from. See the list.")
        if remote_id not in incomplete_ids:
            raise Conflict("fetched", f"Remote {remote_id} is not waited for.")
        fetch.state = FetchState.SKIPPED
        remote = session.get_one(Remote, remote_id)
        audit_recorder.log_action(session, "went on without", "remote", remote_id, remote.display_name)
    session.flush()


def retry(session: Session, remote_id: int) -> None:
    """Call a remote now, without a delay. Raises NotFound."""
    fetch = session.get(RemoteFetch, remote_id, with_for_update=True, populate_existing=True)
    if fetch is None:
        raise NotFound("unknown_remote", f"There is no remote {remote_id} to fetch from. See the list.")
    fetch.next_at = None
    session.flush()


def close(session: Session) -> None:
    """All remotes are listed: end it when each was fetched. Raises Conflict `not_fetching`, or `closed`."""
    site = _require_running(session)
    if not site.has_open_fetch:
        raise Conflict("closed", "It ends by itself when every remote was fetched.")
    site.has_open_fetch = False
    audit_recorder.log_action(session, "closed", "fetch back")
    session.flush()


def _require_running(session: Session) -> Site:
    site = Site.get_for_update(session)
    if not site.is_fetching_back:
        raise Conflict("not_fetching", "This site does not fetch its movements back now.")
    return site


def _fetch_one(app: Flask, remote_id: int) -> None:
    with app.app_context():
        try:
            fetch_remote(remote_id)
        except NotFound:
            log.info("remote %s was deleted before it was fetched", remote_id)
        finally:
            db.session.remove()

"""Sending a gone site's movements to a remote, batch after batch. It can stop anywhere and continues there."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, cast

import msgspec
from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from pointsync import clock, db, digests
from pointsync.db import run_in_transaction
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Customer, HandOn, Movement, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.sync.hand_on import changes
from pointsync.sync.hand_on.jobs import handed_on_conditions
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)

MAX_TURN_SECONDS = 15
"""No batch begins later in one tick, so that the tick's lease does not end during a call."""
RETRY_DELAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class HandOnBatch:
    """Movements for one call; `last_seq` is the row of the last one."""

    movements: list[wire.Movement]
    last_seq: int


def list_due(session: Session, now: datetime) -> list[tuple[str, int]]:
    """(origin, remote id) of the jobs that may call now; none while this site sends nothing."""
    if fetch_back.is_running(session) or session.scalar(select(Site.hold)):
        return []
    query = (
        select(HandOn.origin, HandOn.remote_id)
        .join(Remote, Remote.id == HandOn.remote_id)
        .where(
            HandOn.finished_at.is_(None),
            HandOn.stopped_at.is_(None),
            or_(HandOn.next_at.is_(None), HandOn.next_at <= now, HandOn.next_at > now + RETRY_DELAY),
            Remote.deleted_at.is_(None),
            Remote.paused_at.is_(None),
        )
    )
    return [(origin, remote_id) for origin, remote_id in session.execute(query)]


def hand_on(origin: str, remote_id: int) -> None:
    """Send the next batches of a job. A failed call is stored with it: nothing is raised."""
    stop_requested, deadline = get_runtime().stop_requested, monotonic() + MAX_TURN_SECONDS
    while not stop_requested.is_set() and monotonic() < deadline:
        db.session.rollback()
        job = db.session.get(HandOn, (origin, remote_id))
        if job is None or job.state != "running":
            return
        try:
            batch, results = _call(job.origin, job.remote_id, job.after_seq)
        except RemoteError as error:
            run_in_transaction(partial(_save_failure, origin=origin, remote_id=remote_id, error=error, now=clock.now()))
            return
        save = partial(_save, origin=origin, remote_id=remote_id, batch=batch, results=results, now=clock.now())
        run_in_transaction(save)


def _call(origin: str, remote_id: int, after_seq: int) -> tuple[HandOnBatch | None, list[dict[str, Any]]]:
    """Send one batch, outside any transaction; None if there is nothing left. Raises RemoteError."""
    runtime, session, now = get_runtime(), db.session(), clock.now()
    remote = session.get_one(Remote, remote_id, populate_existing=True)
    target = load_target(session, remote, runtime.vault)
    identity = local_site.load_identity(session, runtime.vault, runtime.config, now)
    rows = _next_rows(session, origin, remote.reserve_id, after_seq)
    db.session.remove()
    if target.keys.pinned is None and rows:
        raise RemoteError("not_pinned", f"{target.url} was not reached yet. Test the remote.")
    if not after_seq:
        changes.send_all(origin, identity, target)
    if not rows:
        return None, []
    batch, encoded = _fit(rows)
    content = envelope.encode_members(origin=origin) + b',"movements":[' + b",".join(encoded) + b"]"
    reply = send_signed(runtime.client, identity, target, "movements/hand-on", content, now)
    results = reply.body.get("results")
    valid_results = [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    if {str(each.get("id")) for each in valid_results} != {each.id for each in batch.movements}:
        raise RemoteError("bad_answer", f"{target.url} answered without a result for each movement. Check its version.")
    return batch, valid_results


def _next_rows(session: Session, origin: str, reserve_id: int, after_seq: int) -> Sequence[Row[Any]]:
    rows = session.execute(
        select(
            Movement.seq,
            Movement.id,
            Movement.points,
            Movement.kind,
            Movement.reason,
            Movement.at,
            Movement.ref,
            Movement.ref_source,
            Movement.digest,
            Movement.customer_as_sent().label("customer"),
        )
        .join(Customer, Customer.id == Movement.customer_id)
        .where(*handed_on_conditions(origin, reserve_id), Movement.seq > after_seq)
        .order_by(Movement.seq)
        .limit(wire.MAX_BATCH)
    ).all()
    return cast(Sequence[Row[Any]], rows)


def _fit(rows: Sequence[Row[Any]]) -> tuple[HandOnBatch, list[bytes]]:
    """As many movements as fit into one request, and as they are sent."""
    movements = [_to_wire(row) for row in rows]
    encoded = wire.take_fitting(map(msgspec.json.encode, movements))
    last_seq = rows[len(encoded) - 1].seq if encoded else 0
    return HandOnBatch(movements[: len(encoded)], last_seq), encoded


def _to_wire(row: Row[Any]) -> wire.Movement:
    return wire.Movement(
        id=row.id,
        customer=row.customer,
        points=row.points,
        kind=row.kind,
        reason=row.reason,
        at=clock.to_text(row.at),
        ref=row.ref,
        source=row.ref_source,
        digest=None if row.digest is None else digests.to_text(row.digest),
    )


def _save(
    session: Session,
    origin: str,
    remote_id: int,
    batch: HandOnBatch | None,
    results: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    job = session.get_one(HandOn, (origin, remote_id), with_for_update=True, populate_existing=True)
    job.message = job.next_at = None
    if batch is None:
        job.finished_at = now
    elif batch.last_seq > job.after_seq:
        job.after_seq = batch.last_seq
        job.sent += len(batch.movements)
        statuses = [each.get("status") for each in results]
        job.applied += statuses.count("applied")
        job.refused += len(statuses) - statuses.count("applied") - statuses.count("duplicate")
    session.flush()


def _save_failure(session: Session, origin: str, remote_id: int, error: RemoteError, now: datetime) -> None:
    job = session.get_one(HandOn, (origin, remote_id), with_for_update=True, populate_existing=True)
    job.message, job.next_at = error.message[:MAX_MESSAGE_LENGTH], now + RETRY_DELAY
    if error.is_unknown_endpoint:
        job.message = "Its PointSync is too old to receive another site's movements. Upgrade it there."
    log.info("remote %s: handing on movements of %s failed: %s", remote_id, origin, error.code)
    session.flush()

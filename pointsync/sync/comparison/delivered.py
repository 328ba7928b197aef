"""What a remote should hold of this site: the sum of the deliveries that are delivered to it."""

import logging
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.db.base import as_stored
from pointsync.db.is_in import is_in
from pointsync.digests import DigestSum
from pointsync.ledger import received_summary
from pointsync.models import AlteredMovement, Delivery, Movement, Remote

log = logging.getLogger(__name__)


def get_sum(session: Session, auth: str, target: str) -> DigestSum | None:
    """The sum over all remotes that lead or led to the reserve `target` of the site `auth`.

    None while `received_summary.is_comparable` does not hold.
    """
    rows = session.execute(_select_sums(), {"auth": auth, "target": target}).all()
    if not all(is_comparable for *_, is_comparable in rows):
        return None
    return sum((DigestSum(count, number or 0) for count, number, _ in rows), DigestSum())


@cache
def _select_sums() -> Select[int, int | None, bool]:
    """Built once, because every batch executes it."""
    query = select(Remote.delivered_count, Remote.delivered_hash, received_summary.is_comparable())
    return query.where(Remote.auth == bindparam("auth"), Remote.target == bindparam("target"))


def sum_deliveries(session: Session, delivery_ids: Iterable[int]) -> DigestSum:
    """The sum of the movements of these deliveries; those without a digest yet are left out."""
    return _sum(session, _select_digests().where(is_in(Delivery.id, list(delivery_ids))))


def effective_digest() -> ColumnElement[Any]:
    """The digest of a movement's columns as they are now, for queries that join `AlteredMovement`."""
    return func.coalesce(AlteredMovement.digest, Movement.digest, type_=Movement.digest.type)


def correct_all(remote_id: int | None = None) -> None:
    """Count all deliveries, and correct the sums that `list_wrong` finds.

    The counting happens before the transactions, so that nobody waits for it unless a sum is wrong.
    """
    for wrong_id in list_wrong(db.session(), remote_id):
        db.run_in_transaction(partial(_correct, remote_id=wrong_id))


def list_wrong(session: Session, remote_id: int | None = None) -> list[int]:
    """The ids of the remotes whose stored sum is not that of their deliveries.

    With `remote_id`, only that remote, and others that lead or led to the same reserve there.
    """
    remotes = select(Remote)
    if remote_id is not None:
        remote = session.get_one(Remote, remote_id)
        remotes = remotes.where(Remote.auth == remote.auth, Remote.target == remote.target)
    return [each.id for each in session.scalars(remotes) if _count(session, each) != each.delivered]


def _correct(session: Session, remote_id: int) -> None:
    remote = Remote.get_for_update(session, remote_id)
    if remote is not None and recount(session, remote):
        log.error("the sum of what was delivered to remote %s was wrong, and is corrected", remote_id)
        remote.checked_at = None  # so that it is compared with the right sum now


def recount(session: Session, remote: Remote) -> bool:
    """Sum up the deliveries of a remote, whose row is locked, anew. Return whether its stored sum was wrong."""
    counted = _count(session, remote)
    was_wrong = counted != remote.delivered
    remote.delivered = counted
    session.flush()
    return was_wrong


def _count(session: Session, remote: Remote) -> DigestSum:
    query = _select_digests().where(Delivery.remote_id == remote.id, Delivery.counted_condition())
    return _sum(session, query.execution_options(yield_per=10_000))


def _sum(session: Session, query: Select[bytes]) -> DigestSum:
    return DigestSum.of(map(int.from_bytes, session.scalars(query)))


def _select_digests() -> Select[bytes]:
    """The digests of the movements of deliveries, as they are stored."""
    return (
        select(as_stored(effective_digest()))
        .select_from(Delivery)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq, isouter=True)
        .where(Movement.digest.is_not(None), Movement.points != 0)
    )

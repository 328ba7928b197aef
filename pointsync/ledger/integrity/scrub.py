"""The scrub: reads all movements again within a day, part by part, and checks every sum at the end."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.base import as_stored
from pointsync.digests import DigestSum
from pointsync.ledger import received_summary
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.integrity import verify
from pointsync.ledger.integrity.digested_customer import digest_of_row
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import AlteredMovement, Customer, Movement, MovementChange, ReceivedSummary, Site

log = logging.getLogger(__name__)

CHUNK_SIZE = 1000
INTERVAL = timedelta(hours=12)
"""From the start of one scrub to the start of the next; longer for a site with more than 40 million movements."""


def is_due(session: Session, now: datetime) -> bool:
    """Whether a scrub is running, or the next one is to start."""
    if not received_summary.are_all_digested(session):
        return False
    started_at, finished_at = session.execute(select(Site.scrub_started_at, Site.scrub_finished_at)).one()
    is_running = started_at is not None and (finished_at is None or finished_at < started_at)
    return is_running or started_at is None or not timedelta(0) <= now - started_at < INTERVAL


def find_altered(session: Session, after_seq: int) -> tuple[list[MovementChange], int | None]:
    """Notes of the movements in the next part that contradict their digest, or do so no more, and the `seq` that the
    part ends with.

    None after the last part.
    """
    rows = session.execute(
        select(
            *(Movement.seq, Movement.origin, Movement.id, Movement.reserve_id, Movement.points, Movement.digest),
            *(Movement.sent_customer, Customer.email),
        )
        .join(Customer, Customer.id == Movement.customer_id, isouter=True)
        .where(Movement.seq > after_seq, Movement.digest.is_not(None))
        .order_by(Movement.seq)
        .limit(CHUNK_SIZE)
    ).all()
    known = {row[0]: row[1] for row in session.execute(select(AlteredMovement.movement_seq, AlteredMovement.digest))}
    notes = [
        MovementChange(
            movement_seq=seq,
            origin=origin,
            movement_id=movement_id,
            reserve_id=reserve_id,
            points=points,
            digest=number,
        )
        for seq, origin, movement_id, reserve_id, points, number, sent, email in rows
        if digest_of_row(movement_id, points, sent, email, known.get(seq, number)) != known.get(seq, number)
    ]
    return notes, rows[-1][0] if len(rows) == CHUNK_SIZE else None


def save_part(session: Session, notes: list[MovementChange], last_seq: int | None, now: datetime) -> None:
    """Save the result of a part: the altered movements, and how far the scrub is."""
    session.add_all(notes)
    site = Site.get_for_update(session)
    if site.scrub_started_at is None or (site.scrub_finished_at and site.scrub_finished_at >= site.scrub_started_at):
        site.scrub_started_at = now
    if last_seq is None:
        # It has ended also if the clock was set back since it started.
        site.scrubbed_seq, site.scrub_finished_at = 0, max(now, site.scrub_started_at)
    else:
        site.scrubbed_seq = last_seq
    session.flush()


def save_result(session: Session, difference_count: int) -> None:
    """Save how many wrong balances and hourly totals the scrub found."""
    Site.get_for_update(session).scrub_differences = difference_count
    session.flush()


def count_wrong_totals(session: Session) -> int:
    """How many balances and hourly totals are not the sum of their movements."""
    return len(verify.find_balance_differences(session)) + len(verify.find_hourly_total_differences(session))


def find_wrong_sums(session: Session, origin: str | None = None) -> dict[tuple[str, int], DigestSum]:
    """By (origin, reserve's id), the right sums where the stored ones are wrong.

    Reads the whole ledger once, or all movements of `origin`.
    """
    summaries = select(ReceivedSummary)
    movements = select(Movement.seq, Movement.origin, Movement.reserve_id, as_stored(Movement.digest))
    if origin is not None:
        summaries = summaries.where(ReceivedSummary.origin == origin)
        movements = movements.where(Movement.origin == origin)
    stored = {(each.origin, each.reserve_id): each.held for each in session.scalars(summaries) if each.count}
    altered = {row[0]: row[1] for row in session.execute(select(AlteredMovement.movement_seq, AlteredMovement.digest))}
    counted: dict[tuple[str, int], list[int]] = {}
    rows = session.execute(
        movements.where(
            Movement.origin != get_local_auth(session), Movement.points != 0, Movement.digest.is_not(None)
        ).execution_options(yield_per=5000)
    )
    for seq, each_origin, reserve_id, number in rows:
        total = counted.setdefault((each_origin, reserve_id), [0, 0])
        total[0] += 1
        total[1] += altered.get(seq) or int.from_bytes(number)
    right = {key: DigestSum() + DigestSum(*total) for key, total in counted.items()}
    keys = right.keys() | stored.keys()
    return {
        key: right.get(key, DigestSum()) for key in keys if right.get(key, DigestSum()) != stored.get(key, DigestSum())
    }


def correct_sums(session: Session, keys: Collection[tuple[str, int]], now: datetime) -> None:
    """Count the sums of these (origin, reserve's id) anew, while their origins are locked."""
    for origin in sorted({origin for origin, _ in keys}):
        lock_origin(session, origin, now)
    for (origin, reserve_id), right in find_wrong_sums(session).items():
        if (origin, reserve_id) in keys:
            log.error("the sum of the movements of %s was wrong, and is corrected", origin)
            held = received_summary.get_sum(session, origin, reserve_id) or DigestSum()
            received_summary.change(session, origin, reserve_id, right - held)

"""How often something may be done, counted in the database: for all processes together, and past a restart.

The generic cell rate algorithm (GCRA; ITU-T I.371): a bucket of one number a name, which says when it will have
leaked empty. Of a rate of ten a minute ten may come at once, and from then on one each six seconds.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, delete, select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.db.upsert import insert_into
from pointsync.models import Bucket

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a minute."""

    per_minute: int

    @property
    def step_ms(self) -> int:
        """What one takes of the minute; cut, so that as many as promised fit."""
        return MINUTE_MS // self.per_minute


def take(session: Session, rate: Rate, *bucket: str, now: datetime) -> int:
    """Put one into the bucket that `bucket` names: 0 where it fits; the seconds to wait where not.

    One statement, so that of many at once no more get in than fit.
    """
    now_ms, step = _ms(now), rate.step_ms
    # A bucket that would leak for longer than the rate allows was filled before the clock was set back.
    leaks = and_(Bucket.empty_at_ms > now_ms, Bucket.empty_at_ms <= now_ms + MINUTE_MS)
    put = (
        insert_into(session, Bucket)
        .values(digest=_digest(bucket), empty_at_ms=now_ms + step)
        .on_conflict_do_update(
            index_elements=[Bucket.digest],
            set_={"empty_at_ms": case((leaks, Bucket.empty_at_ms + step), else_=now_ms + step)},
            where=~and_(leaks, Bucket.empty_at_ms > now_ms + MINUTE_MS - step),
        )
        .returning(Bucket.empty_at_ms)
    )
    if session.scalar(put) is not None:
        return 0
    return max(1, wait(session, rate, *bucket, now=now))


def wait(session: Session, rate: Rate, *bucket: str, now: datetime) -> int:
    """The seconds until one more fits into the bucket; 0 where it does now. Nothing is written."""
    now_ms = _ms(now)
    empty_at = session.scalar(select(Bucket.empty_at_ms).where(Bucket.digest == _digest(bucket)))
    if empty_at is None or empty_at > now_ms + MINUTE_MS:
        return 0
    return max(0, math.ceil((empty_at + rate.step_ms - MINUTE_MS - now_ms) / 1000))


def empty(session: Session, *bucket: str) -> None:
    """Forget what was put into the bucket."""
    session.execute(delete(Bucket).where(Bucket.digest == _digest(bucket)))


def prune(session: Session, now: datetime) -> None:
    """Delete buckets that have leaked empty."""
    session.execute(delete(Bucket).where(Bucket.empty_at_ms <= _ms(now)))


def _digest(bucket: tuple[str, ...]) -> str:
    return crypto.digest("\0".join(bucket))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

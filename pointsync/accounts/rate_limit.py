"""Rate limits, counted in the database: for all processes together, and across restarts.

The generic cell rate algorithm (GCRA; ITU-T I.371). Each key has a leaky bucket, stored as the time at which it will be
empty. With a limit of ten per minute, ten calls may come at once, and then one every six seconds.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, delete, select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.db.upsert import dialect_insert
from pointsync.models import RateBucket

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A number of calls per minute."""

    per_minute: int

    @property
    def interval_ms(self) -> int:
        """The share of a minute that one call uses, in milliseconds; rounded down so that all calls of a minute fit."""
        return MINUTE_MS // self.per_minute


def consume(session: Session, rate: RateLimit, *key: str, now: datetime) -> int:
    """Count one call in the bucket of `key`. Return 0, or the seconds to wait if the bucket is full.

    This is one statement, so that concurrent calls cannot exceed the limit.
    """
    now_ms, interval_ms = _to_ms(now), rate.interval_ms
    # A bucket that needs more than a minute to empty was filled before the clock was set back.
    is_leaking = and_(RateBucket.empty_at_ms > now_ms, RateBucket.empty_at_ms <= now_ms + MINUTE_MS)
    statement = (
        dialect_insert(session, RateBucket)
        .values(digest=_hash_key(key), empty_at_ms=now_ms + interval_ms)
        .on_conflict_do_update(
            index_elements=[RateBucket.digest],
            set_={"empty_at_ms": case((is_leaking, RateBucket.empty_at_ms + interval_ms), else_=now_ms + interval_ms)},
            where=~and_(is_leaking, RateBucket.empty_at_ms > now_ms + MINUTE_MS - interval_ms),
        )
        .returning(RateBucket.empty_at_ms)
    )
    if session.scalar(statement) is not None:
        return 0
    return max(1, seconds_to_wait(session, rate, *key, now=now))


def seconds_to_wait(session: Session, rate: RateLimit, *key: str, now: datetime) -> int:
    """The seconds until one more call fits into the bucket of `key`; 0 if it fits now. Writes nothing."""
    now_ms = _to_ms(now)
    empty_at_ms = session.scalar(select(RateBucket.empty_at_ms).where(RateBucket.digest == _hash_key(key)))
    if empty_at_ms is None or empty_at_ms > now_ms + MINUTE_MS:
        return 0
    return max(0, math.ceil((empty_at_ms + rate.interval_ms - MINUTE_MS - now_ms) / 1000))


def reset(session: Session, *key: str) -> None:
    """Empty the bucket of `key`."""
    session.execute(delete(RateBucket).where(RateBucket.digest == _hash_key(key)))


def prune(session: Session, now: datetime) -> None:
    """Delete the buckets that are empty, or were filled before the clock was set back."""
    now_ms = _to_ms(now)
    session.execute(delete(RateBucket).where(~RateBucket.empty_at_ms.between(now_ms + 1, now_ms + MINUTE_MS)))


def _hash_key(key: tuple[str, ...]) -> str:
    return crypto.sha256_hex("\0".join(key))


def _to_ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)

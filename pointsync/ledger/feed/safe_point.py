"""Up to which `seq` all movements are visible that ever will be.

SQLite has one writer, so its numbers become visible in their order. PostgreSQL gives numbers to transactions that are
committed in any order: 7 may be visible before 6. Therefore whoever inserts movements there first takes a shared
advisory lock that nobody ever waits for. Its key holds the last number that was given to anybody before; the own ones
will be above it. PostgreSQL releases the lock only after the commit is visible. So a reader that (1) reads the highest
visible number, (2) then reads these locks, and (3) then reads the rows up to the lowest of these numbers, misses
nothing: each number up to there was given before (1), and its transaction had ended at (2).
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from pointsync.models import Movement

_NAMESPACE = 0x5066
"""The upper 16 bits of the keys; the lower 48 are a `seq`. Other advisory locks of PointSync are below 2³²."""
_SEQ_BITS = 48

_ANNOUNCE = text(
    "SELECT pg_advisory_xact_lock_shared(:base + last_value - CASE WHEN is_called THEN 0 ELSE 1 END)"
    " FROM movement_seq_seq"
).bindparams(base=_NAMESPACE << _SEQ_BITS)
_FIND_LOWEST = text(
    "SELECT min(classid::bigint << 32 | objid::bigint) FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint BETWEEN :first AND :last"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
).bindparams(first=_NAMESPACE << (_SEQ_BITS - 32), last=((_NAMESPACE + 1) << (_SEQ_BITS - 32)) - 1)


def announce_movements(session: Session) -> None:
    """Say that this transaction will insert movements. Call it before each insert."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_ANNOUNCE)


def find_safe_seq(session: Session) -> int:
    """All movements up to this `seq` are visible to the session's next statement; 0 if there are none."""
    last_seq = Movement.get_last_seq(session)
    if session.get_bind().dialect.name != "postgresql":
        return last_seq
    lowest_key = session.scalar(_FIND_LOWEST)
    return last_seq if lowest_key is None else min(last_seq, lowest_key & ((1 << _SEQ_BITS) - 1))

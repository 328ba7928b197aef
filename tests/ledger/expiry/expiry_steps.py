"""What the tests of expiring share: rules set, the job's steps, and what they have recorded."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry.rule import Rule
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Movement
from tests.ledger.record_drafts import ANNA
from tests.support.apps import reserve

PARIS = ZoneInfo("Europe/Paris")
SET_ON = date(2026, 1, 1)
OTHER = "wrk_aaaaaaaaaaaaaaaa"


def noon(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def let(rule: Rule) -> None:
    """Set the rule of the reserve `default`."""
    with db.write() as session:
        rules.set_rule(session, reserve(session), rule)


def run(now: datetime) -> int:
    """What the job does of a day, whether or not it is done already; how many movements it made."""
    with db.write() as session:
        reserve_id, last_seq = reserve(session).id, expire.newest_seq(session)
    after, made = 0, 0
    while True:
        with db.write() as session:
            found, after = expire.overdue(session, reserve_id, after, PARIS, now)
        with db.write() as session:
            made += expire.expire(session, reserve_id, found, PARIS, now)
        if not after:
            break
    with db.write() as session:
        expire.finish(session, reserve_id, PARIS, now, last_seq)
    return made


def run_late(now: datetime) -> int:
    with db.write() as session:
        return expire.expire_late(session, reserve(session).id, PARIS, now)


def expired() -> list[tuple[datetime, int]]:
    """The movements of kind `expire`, oldest first: when they count, and their points."""
    with db.write() as session:
        query = select(Movement.at, Movement.points).join(Movement.customer).where(Movement.kind == "expire")
        return [(at, points) for at, points in session.execute(query.order_by(Movement.seq))]


def is_sound() -> bool:
    with db.write() as session:
        return differences(session) == [] and flow_differences(session) == []


def midnight(month: int, day: int, hours_east: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=hours_east)


def late(points: int, at: datetime, now: datetime, name: str = "1") -> None:
    """A movement of another site that arrives only now."""
    with db.write() as session:
        [result] = apply(session, OTHER, reserve(session), [Incoming(name, ANNA, points, kind="spend", at=at)], now)
        assert result.status == "applied"

"""Helpers for the tests of expiry: setting rules, running the job's steps, and reading what they recorded."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry.rule import ExpiryRule
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.models import Movement
from tests.ledger.record_drafts import ANNA
from tests.support.apps import get_reserve

PARIS = ZoneInfo("Europe/Paris")
RULE_SET_ON = date(2026, 1, 1)
OTHER_AUTH = "wrk_aaaaaaaaaaaaaaaa"


def noon(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def set_rule(rule: ExpiryRule) -> None:
    """Set the rule of the reserve `default`."""
    with db.transaction() as session:
        rules.set_rule(session, get_reserve(session), rule)


def run_expiry(now: datetime) -> int:
    """Run the job for a day, even if it was done already; returns the number of movements."""
    with db.transaction() as session:
        reserve_id, last_seq = get_reserve(session).id, Movement.get_last_seq(session)
    after, movement_count = 0, 0
    while True:
        with db.transaction() as session:
            found, after = expire.find_overdue_customers(session, reserve_id, after, PARIS, now)
        with db.transaction() as session:
            movement_count += expire.expire_customers(session, reserve_id, found, PARIS, now)
        if not after:
            break
    with db.transaction() as session:
        expire.mark_done(session, reserve_id, PARIS, now, last_seq)
    return movement_count


def run_late_expiry(now: datetime) -> int:
    with db.transaction() as session:
        return expire.expire_late_movements(session, get_reserve(session).id, PARIS, now)


def expire_movements() -> list[tuple[datetime, int]]:
    """(time, points) of the movements of kind `expire`, oldest first."""
    with db.transaction() as session:
        query = select(Movement.at, Movement.points).join(Movement.customer).where(Movement.kind == "expire")
        return [(at, points) for at, points in session.execute(query.order_by(Movement.seq))]


def is_consistent() -> bool:
    with db.transaction() as session:
        return find_balance_differences(session) == [] and find_hourly_total_differences(session) == []


def midnight(month: int, day: int, hours_east: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=hours_east)


def apply_late(points: int, at: datetime, now: datetime, name: str = "1") -> None:
    """Apply a movement of another site that arrives late."""
    with db.transaction() as session:
        [result] = apply(
            session, OTHER_AUTH, get_reserve(session), [IncomingMovement(name, ANNA, points, kind="spend", at=at)], now
        )
        assert result.status == "applied"

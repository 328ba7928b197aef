"""Mails about expiring points: one announcement per expiry day, and again if the day moves."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.clock import local_date
from pointsync.ledger import mail_queue
from pointsync.ledger.expiry import expire, notices
from pointsync.ledger.expiry.rule import INACTIVITY, TRANSACTIONAL, ExpiryRule
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, ExpirySettings, Mail
from tests.ledger.expiry.expiry_steps import PARIS, RULE_SET_ON, noon, run_expiry, set_rule
from tests.ledger.record_drafts import ANNA
from tests.support.apps import get_reserve

pytestmark = pytest.mark.usefixtures("app")

BOB = "bob@shop.example"


def record_points(points: int, at, email: str = ANNA) -> None:
    with db.transaction() as session:
        record(session, [Draft(email, points, at=at)], "test", at)


def run_notice_job(now, days: int = 14) -> None:
    """Run the job, even if it is done for today."""
    with db.transaction() as session:
        after, reserve_id = 0, get_reserve(session).id
        while True:
            rows, after = notices.make_batch(
                session, session.get_one(ExpirySettings, reserve_id), after, days, PARIS, now
            )
            mail_queue.enqueue(session, rows)
            if not after:
                break
        notices.mark_done(session, reserve_id, session.get_one(ExpirySettings, reserve_id).version, PARIS, now)


def queued_notices() -> list[tuple]:
    """For each mail: the customer, the points and the balance, and the days."""
    with db.transaction() as session:
        rows = session.execute(select(Mail.facts, Customer.email).join(Mail.customer).order_by(Mail.id))
        return [(email, facts["points"], facts["balance"], facts["day"], facts["last_day"]) for facts, email in rows]


def test_each_expiry_day_is_announced_once_and_near_ones_together():
    set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 30, "days"))
    record_points(100, noon(2, 1))
    record_points(50, noon(2, 3))
    record_points(7, noon(2, 20))
    record_points(30, noon(2, 1), BOB)
    record_points(-30, noon(2, 2), BOB)
    run_notice_job(noon(2, 16))
    assert queued_notices() == []
    run_notice_job(noon(2, 17))
    assert queued_notices() == [(ANNA, 100, 157, "2026-03-03", "2026-03-03")]
    for day in (17, 18, 20, 22):
        run_notice_job(noon(2, day))
    assert queued_notices()[1:] == [(ANNA, 50, 157, "2026-03-05", "2026-03-05")]
    run_expiry(noon(3, 3))
    run_notice_job(noon(3, 10))
    assert queued_notices()[2:] == [(ANNA, 7, 57, "2026-03-22", "2026-03-22")]
    run_notice_job(noon(3, 10), days=90)
    assert len(queued_notices()) == 3


def test_enabled_late_all_near_expiries_are_one_mail():
    set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 30, "days"))
    for day in range(1, 11):
        record_points(10, noon(2, day))
    run_notice_job(noon(2, 28))
    assert queued_notices() == [(ANNA, 100, 100, "2026-03-03", "2026-03-12")]
    run_notice_job(noon(3, 1))
    assert len(queued_notices()) == 1


def test_a_changed_expiry_day_is_announced_again():
    set_rule(ExpiryRule(INACTIVITY, RULE_SET_ON, 30, "days"))
    record_points(100, noon(2, 1))
    run_notice_job(noon(2, 25))
    record_points(-10, noon(2, 26))
    run_notice_job(noon(2, 26))
    assert queued_notices() == [(ANNA, 100, 100, "2026-03-03", "2026-03-03")]
    run_notice_job(noon(3, 20))
    assert queued_notices()[1:] == [(ANNA, 90, 90, "2026-03-28", "2026-03-28")]


def test_overdue_points_are_expired_and_not_announced():
    set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 10, "days"))
    record_points(100, noon(2, 1))
    run_notice_job(noon(2, 11))
    run_notice_job(noon(2, 20))
    assert queued_notices() == []


def test_batches_and_days_that_are_done(monkeypatch):
    monkeypatch.setattr(expire, "BATCH_SIZE", 3)
    set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 10, "days"))
    for number in range(7):
        record_points(5, noon(2, 1), f"c{number}@shop.example")
    with db.transaction() as session:
        assert [each.told_day for each in notices.list_due(session, PARIS, noon(2, 1))] == [None]
    run_notice_job(noon(2, 1))
    assert len(queued_notices()) == 7
    with db.transaction() as session:
        assert notices.list_due(session, PARIS, noon(2, 1)) == []
        assert len(notices.list_due(session, PARIS, noon(2, 1) + timedelta(days=1))) == 1
    set_rule(ExpiryRule(TRANSACTIONAL, date(2026, 2, 1), 11, "days"))
    with db.transaction() as session:
        [expiry] = notices.list_due(session, PARIS, noon(2, 1))
        notices.mark_done(session, expiry.reserve_id, expiry.version - 1, PARIS, noon(2, 1))
        assert notices.list_due(session, PARIS, noon(2, 1)) == [expiry], "the rule was changed meanwhile"
        assert local_date(noon(2, 1), PARIS) == date(2026, 2, 1)


def test_mails_are_prepared_after_the_clock_was_set_back():
    set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 10, "days"))
    run_notice_job(noon(2, 25))
    with db.transaction() as session:
        assert notices.list_due(session, PARIS, noon(2, 25)) == []
        assert len(notices.list_due(session, PARIS, noon(2, 5))) == 1

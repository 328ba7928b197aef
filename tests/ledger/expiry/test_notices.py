"""Points that are lost soon are told of once for each day of loss, and a day that moves is told of anew."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import mail_queue
from pointsync.ledger.expiry import expire, notices
from pointsync.ledger.expiry.rule import INACTIVITY, TRANSACTIONAL, Rule, today
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Expiry, Mail
from tests.ledger.expiry.expiry_steps import PARIS, SET_ON, let, noon, run
from tests.ledger.record_drafts import ANNA
from tests.support.apps import reserve

pytestmark = pytest.mark.usefixtures("app")

BOB = "bob@shop.example"


def give(points: int, at, email: str = ANNA) -> None:
    with db.write() as session:
        record(session, [Draft(email, points, at=at)], "test", at)


def think(now, days: int = 14) -> None:
    """What the job does, whether or not it is done for today."""
    with db.write() as session:
        after, reserve_id = 0, reserve(session).id
        while True:
            rows, after = notices.found(session, session.get_one(Expiry, reserve_id), after, days, PARIS, now)
            mail_queue.queue(session, rows)
            if not after:
                break
        notices.finish(session, reserve_id, session.get_one(Expiry, reserve_id).version, PARIS, now)


def told() -> list[tuple]:
    """Of each mail: whose, how many points of how many, and on which days."""
    with db.write() as session:
        rows = session.execute(select(Mail.facts, Customer.email).join(Mail.customer).order_by(Mail.id))
        return [(email, facts["points"], facts["balance"], facts["day"], facts["last_day"]) for facts, email in rows]


def test_each_day_of_loss_is_told_once_and_those_that_are_near_together():
    let(Rule(TRANSACTIONAL, SET_ON, 30, "days"))
    give(100, noon(2, 1))
    give(50, noon(2, 3))
    give(7, noon(2, 20))
    give(30, noon(2, 1), BOB)
    give(-30, noon(2, 2), BOB)
    think(noon(2, 16))
    assert told() == []
    think(noon(2, 17))
    assert told() == [(ANNA, 100, 157, "2026-03-03", "2026-03-03")]
    for day in (17, 18, 20, 22):
        think(noon(2, day))
    assert told()[1:] == [(ANNA, 50, 157, "2026-03-05", "2026-03-05")]
    run(noon(3, 3))
    think(noon(3, 10))
    assert told()[2:] == [(ANNA, 7, 57, "2026-03-22", "2026-03-22")]
    think(noon(3, 10), days=90)
    assert len(told()) == 3


def test_switched_on_late_all_that_is_near_is_one_mail():
    let(Rule(TRANSACTIONAL, SET_ON, 30, "days"))
    for day in range(1, 11):
        give(10, noon(2, day))
    think(noon(2, 28))
    assert told() == [(ANNA, 100, 100, "2026-03-03", "2026-03-12")]
    think(noon(3, 1))
    assert len(told()) == 1


def test_a_day_that_moves_is_told_anew():
    let(Rule(INACTIVITY, SET_ON, 30, "days"))
    give(100, noon(2, 1))
    think(noon(2, 25))
    give(-10, noon(2, 26))
    think(noon(2, 26))
    assert told() == [(ANNA, 100, 100, "2026-03-03", "2026-03-03")]
    think(noon(3, 20))
    assert told()[1:] == [(ANNA, 90, 90, "2026-03-28", "2026-03-28")]


def test_what_is_overdue_is_the_expirys_and_told_to_nobody():
    let(Rule(TRANSACTIONAL, SET_ON, 10, "days"))
    give(100, noon(2, 1))
    think(noon(2, 11))
    think(noon(2, 20))
    assert told() == []


def test_parts_and_days_that_are_done(monkeypatch):
    monkeypatch.setattr(expire, "AT_ONCE", 3)
    let(Rule(TRANSACTIONAL, SET_ON, 10, "days"))
    for number in range(7):
        give(5, noon(2, 1), f"c{number}@shop.example")
    with db.write() as session:
        assert [each.told_day for each in notices.due(session, PARIS, noon(2, 1))] == [None]
    think(noon(2, 1))
    assert len(told()) == 7
    with db.write() as session:
        assert notices.due(session, PARIS, noon(2, 1)) == []
        assert len(notices.due(session, PARIS, noon(2, 1) + timedelta(days=1))) == 1
    let(Rule(TRANSACTIONAL, date(2026, 2, 1), 11, "days"))
    with db.write() as session:
        [expiry] = notices.due(session, PARIS, noon(2, 1))
        notices.finish(session, expiry.reserve_id, expiry.version - 1, PARIS, noon(2, 1))
        assert notices.due(session, PARIS, noon(2, 1)) == [expiry], "the rule was changed meanwhile"
        assert today(noon(2, 1), PARIS) == date(2026, 2, 1)

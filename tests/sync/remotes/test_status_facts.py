"""A line paused or asked to retry, and the facts that its status is made of."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.models import Delivery, State, Tally
from pointsync.sync.remotes import queue, remotes
from pointsync.sync.site import settings
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import added, line, owed, sold

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_paused_line_is_owed_and_says_so():
    remote_id = added()
    with db.write() as session:
        remotes.pause(session, line(session, remote_id), NOW)
        remotes.pause(session, line(session, remote_id), NOW + HOUR)
    sold(1)
    with db.write() as session:
        assert line(session, remote_id).paused_at == NOW
        assert queue.shape(session, line(session, remote_id))["paused"] is True
        remotes.resume(session, line(session, remote_id))
        assert line(session, remote_id).paused_at is None
    assert owed(remote_id) == [1]


def test_retry_frees_what_waits_and_not_what_may_be_under_way():
    remote_id = added()
    sold(1, 2, 3)
    with db.write() as session:
        first, second, third = session.scalars(select(Delivery).order_by(Delivery.id))
        first.not_before = NOW + HOUR
        second.state, second.not_before = State.UNKNOWN, NOW + HOUR
        third.unsure_until = NOW + timedelta(seconds=120)
        remotes.retry(session, line(session, remote_id), NOW)
    with db.write() as session:
        first, second, third = session.scalars(select(Delivery).order_by(Delivery.id))
        assert (first.not_before, second.not_before) == (None, None)
        assert third.unsure_until == NOW + timedelta(seconds=120)


def test_the_facts_for_the_status():
    remote_id = added()
    sold(1, 2, 3, 4)
    with db.write() as session:
        first, second, third, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state, third.attempts = State.FAILED, State.UNKNOWN, 9
        known = settings.read(session)
        facts = queue.facts(session, line(session, remote_id), known)
        assert (facts.pending, facts.failed, facts.unknown_customers) == (2, 1, 1)
        assert (facts.is_used_up, facts.was_sent, facts.is_paused) == (False, False, False)
        third.attempts = 10
        session.flush()
        assert queue.facts(session, line(session, remote_id), known).is_used_up
        third.state = State.DELIVERED
        session.flush()
        assert not queue.facts(session, line(session, remote_id), known).is_used_up
        shape = queue.shape(session, line(session, remote_id))
    assert (shape["waiting"], shape["unknown_customers"], shape["refused"]) == (3, 1, 1)


def test_the_average_of_attempts_is_that_of_the_period():
    remote_id = added()
    today = NOW.date()
    with db.write() as session:
        remote = line(session, remote_id)
        known = settings.read(session)
        assert queue.average_attempts(session, remote, known, today) is None
        for days, tries, delivered in ((0, 10, 10), (30, 20, 5), (31, 1000, 1), (400, 1000, 1)):
            session.add(Tally(remote_id=remote_id, day=today - days * DAY, tries=tries, delivered=delivered))
        session.flush()
        assert queue.average_attempts(session, remote, known, today) == 2.0

"""Pausing and retrying a remote, and the facts that its status is computed from."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.models import DailyDeliveryTotal, Delivery, DeliveryState, Movement
from pointsync.sync.remotes import queue, remote_json, remotes, status_facts
from pointsync.sync.remotes.status import StatusFacts
from pointsync.sync.site import settings
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of
from tests.support.remote_rows import add_remote, get_remote, outstanding_points, record_points

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def load_facts(session: Session, remote_id: int) -> StatusFacts:
    return status_facts.load(session, get_remote(session, remote_id), settings.read(session), None)


def test_a_paused_remote_still_gets_deliveries_and_is_shown_as_paused():
    remote_id = add_remote()
    with db.transaction() as session:
        remotes.pause(session, get_remote(session, remote_id), NOW)
        remotes.pause(session, get_remote(session, remote_id), NOW + HOUR)
    record_points(1)
    with db.transaction() as session:
        assert get_remote(session, remote_id).paused_at == NOW
        assert remote_json.of(session, get_remote(session, remote_id)).paused
        remotes.resume(session, get_remote(session, remote_id))
        assert get_remote(session, remote_id).paused_at is None
    assert outstanding_points(remote_id) == [1]


def test_retry_clears_delays_but_not_calls_that_may_be_in_progress():
    remote_id = add_remote()
    record_points(1, 2, 3)
    with db.transaction() as session:
        first, second, third = session.scalars(select(Delivery).order_by(Delivery.id))
        first.not_before = NOW + HOUR
        second.state, second.not_before = DeliveryState.UNKNOWN, NOW + HOUR
        third.unsure_until = NOW + timedelta(seconds=120)
        remotes.retry(session, get_remote(session, remote_id), NOW)
    with db.transaction() as session:
        first, second, third = session.scalars(select(Delivery).order_by(Delivery.id))
        assert (first.not_before, second.not_before) == (None, None)
        assert third.unsure_until == NOW + timedelta(seconds=120)


def test_status_facts():
    remote_id = add_remote()
    record_points(1, 2, 3, 4)
    with db.transaction() as session:
        first, second, third, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state, third.attempts = DeliveryState.FAILED, DeliveryState.UNKNOWN, 9
        facts = load_facts(session, remote_id)
        assert (facts.pending_count, facts.failed_count, facts.unknown_customer_count) == (2, 1, 1)
        assert (facts.has_used_up_attempts, facts.has_sent, facts.is_paused) == (False, False, False)
        third.attempts = 10
        session.flush()
        assert load_facts(session, remote_id).has_used_up_attempts
        third.state = DeliveryState.DELIVERED
        session.flush()
        assert not load_facts(session, remote_id).has_used_up_attempts
        row = remote_json.of(session, get_remote(session, remote_id))
    assert (row.waiting, row.unknown_customers, row.refused) == (3, 1, 1)


def test_a_movement_that_waits_after_its_own_failure_is_late_too():
    """The remote may answer all others, and must not be green for as long as `delay_seconds`."""
    remote_id = add_remote()
    record_points(1, 2)
    with db.transaction() as session:
        waiting, delivered = session.scalars(select(Delivery).order_by(Delivery.id))
        waiting.not_before, delivered.state = NOW + HOUR, DeliveryState.DELIVERED
        session.flush()
        facts = load_facts(session, remote_id)
        recorded_at = session.get_one(Movement, waiting.movement_seq).recorded_at
        assert facts.oldest_pending_at == recorded_at


def test_the_average_attempts_cover_the_statistics_period():
    remote_id = add_remote()
    today = NOW.date()
    with db.transaction() as session:
        current_settings = settings.read(session)
        [row] = queue.list_rows(session, current_settings, NOW)
        assert row.average_attempts is None
        for days, tries, delivered in ((0, 10, 10), (30, 20, 5), (31, 1000, 1), (400, 1000, 1)):
            session.add(
                DailyDeliveryTotal(remote_id=remote_id, day=today - days * DAY, tries=tries, delivered=delivered)
            )
        session.flush()
        [row] = queue.list_rows(session, current_settings, NOW)
        assert row.average_attempts == 2.0


def test_the_json_of_one_remote_is_that_of_the_list():
    remote_id = add_remote(with_backfill=True)
    record_points(1, 2, 3)
    with db.transaction() as session:
        first, second, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state = DeliveryState.FAILED, DeliveryState.UNKNOWN
        session.flush()
        [listed] = remote_json.list_all(session)
        assert listed == remote_json.of(session, get_remote(session, remote_id))
    assert list(msgspec.to_builtins(listed)) == [
        "id",
        "name",
        "url",
        "target",
        "observed",
        "dialect",
        "status",
        "status_text",
        "waiting",
        "unknown_customers",
        "refused",
        "waiting_changes",
        "paused",
        "blocked",
        "last_success_at",
        "last_error",
        "last_error_at",
        "history",
    ]
    assert (listed.waiting, listed.unknown_customers, listed.refused) == (3, 1, 1)


@pytest.mark.parametrize("remote_count", [1, 20])
def test_the_number_of_queries_for_the_list_is_fixed(remote_count):
    with db.transaction() as session:
        insert_rows(session, customers=5, movements=20, remotes=remote_count)
    # PostgreSQL is also asked whether it is read-only.
    assert len(queries_of(remote_json.list_all)) == (12 if db.get_engine().dialect.name == "sqlite" else 13)

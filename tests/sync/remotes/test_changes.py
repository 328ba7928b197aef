"""Editing a remote: it keeps its waiting deliveries, or it closes and a new remote replaces it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger.people import people
from pointsync.models import ChangeDelivery, Delivery, DeliveryState
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import backfill, remotes
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import (
    ANNA,
    AUTH,
    OTHER_AUTH,
    add_remote,
    get_remote,
    outstanding_points,
    record_points,
    set_delivery_states,
)
from tests.sync.remote_edits import change_remote, delete_drained_remotes, expect_refused, listed_ids, run_backfill

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_changing_url_pass_target_or_template_keeps_waiting_deliveries():
    remote_id = add_remote()
    record_points(1, 2)
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        remote.next_attempt_at, remote.is_probing, remote.failures = NOW + HOUR, True, 9
        session.scalars(select(Delivery)).first().not_before = NOW + HOUR
    new_pass, template = "wrs_0000000000000000", "/x/[reserve]/[user_email]/[points]/[action]"
    fields = {
        "url": "https://moved.example",
        "password": new_pass,
        "target_reserve": "silver",
        "query_template": template,
    }
    assert change_remote(remote_id, **fields) == remote_id
    assert outstanding_points(remote_id) == [1, 2]
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        assert (remote.url, remote.target, remote.query_template) == ("https://moved.example", "silver", template)
        assert get_runtime().vault.decrypt(remote.sealed_pass) == new_pass
        assert (remote.next_attempt_at, remote.is_probing, remote.failures, remote.version) == (None, False, 0, 2)
        assert set(session.scalars(select(Delivery.not_before))) == {None}


def test_a_new_target_is_a_new_remote_once_something_was_delivered():
    remote_id = add_remote()
    record_points(1)
    set_delivery_states(remote_id, DeliveryState.DELIVERED)
    record_points(2, 3)
    new_id = change_remote(remote_id, target_reserve="silver")
    assert new_id != remote_id
    assert outstanding_points(remote_id, None) == [1]
    assert outstanding_points(new_id) == [2, 3]
    assert change_remote(new_id, target_reserve="default") == remote_id, "it led there before"


def test_the_second_of_two_concurrent_edits_is_refused():
    remote_id = add_remote()
    change_remote(remote_id, url="https://first.example")
    refusal = expect_refused(Conflict, change_remote, remote_id, url="https://second.example")
    assert refusal.code == "changed_meanwhile"
    with db.transaction() as session:
        assert get_remote(session, remote_id).url == "https://first.example"


@pytest.mark.parametrize(("auth", "fields"), [(OTHER_AUTH, {}), (AUTH, {"observed_reserve": "gold"})])
def test_a_new_auth_or_observed_reserve_closes_the_remote_and_adds_one(auth, fields):
    remote_id = add_remote()
    record_points(1, 2)
    new_id = change_remote(remote_id, auth, **fields)
    assert new_id != remote_id
    assert listed_ids() == [remote_id, new_id]
    record_points(3)
    record_points(4, reserve="gold")
    assert outstanding_points(remote_id) == [1, 2]
    assert outstanding_points(new_id) == ([4] if fields else [3])
    set_delivery_states(remote_id)
    delete_drained_remotes()
    assert listed_ids() == [new_id]


def test_a_remote_with_nothing_waiting_closes_at_once():
    remote_id = add_remote()
    new_id = change_remote(remote_id, OTHER_AUTH)
    assert listed_ids() == [new_id]
    delete_drained_remotes()
    assert listed_ids() == [new_id]


def test_a_closing_remote_stays_while_deliveries_wait():
    remote_id = add_remote()
    record_points(1, 2, 3)
    change_remote(remote_id, OTHER_AUTH)
    for state in (DeliveryState.FAILED, DeliveryState.UNKNOWN):
        with db.transaction() as session:
            session.scalars(select(Delivery).where(Delivery.remote_id == remote_id)).first().state = state
        set_delivery_states(remote_id)
        delete_drained_remotes()
        assert remote_id in listed_ids()


def test_a_closing_remote_stays_while_changes_of_customers_wait():
    remote_id = add_remote()
    with db.transaction() as session:
        get_remote(session, remote_id).takes_changes = True
    record_points(1)
    with db.transaction() as session:
        people.rename(session, ANNA, "anna@new.example", NOW)
        remote = get_remote(session, remote_id)
        remote.closing_at = NOW
        session.execute(update(Delivery).values(state=DeliveryState.DELIVERED))
        remotes.delete_drained(session, NOW)
        assert remote.deleted_at is None
        session.execute(update(ChangeDelivery).values(state=DeliveryState.DELIVERED))
        remotes.delete_drained(session, NOW)
        assert remote.deleted_at == NOW


def test_a_closing_remote_finishes_its_backfill_first(monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK_SIZE", 2)
    record_points(1, 2, 3, 4)
    remote_id = add_remote(with_backfill=True)
    with db.transaction() as session:
        backfill.enqueue_next_chunk(session, remote_id, NOW)
    set_delivery_states(remote_id)
    change_remote(remote_id, OTHER_AUTH)
    run_backfill(remote_id)
    assert remote_id in listed_ids()
    assert outstanding_points(remote_id) == [3, 4]

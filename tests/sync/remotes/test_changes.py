"""What follows a change of a line: it keeps what waits, or it closes and another stands for it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict
from pointsync.models import Delivery, State
from pointsync.runtime import runtime
from pointsync.sync.remotes import backfill
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import AUTH, OTHER_AUTH, added, line, owed, settled, sold
from tests.sync.remote_edits import caught_up, changed, emptied, refused, shown

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_change_of_url_pass_target_or_template_keeps_what_waits():
    remote_id = added()
    sold(1, 2)
    with db.write() as session:
        remote = line(session, remote_id)
        remote.next_attempt_at, remote.is_probing, remote.failures = NOW + HOUR, True, 9
        session.scalars(select(Delivery)).first().not_before = NOW + HOUR
    new_pass, template = "wrs_0000000000000000", "/x/[reserve]/[user_email]/[points]/[action]"
    fields = {"url": "https://moved.example", "password": new_pass, "target": "silver", "template": template}
    assert changed(remote_id, **fields) == remote_id
    assert owed(remote_id) == [1, 2]
    with db.write() as session:
        remote = line(session, remote_id)
        assert (remote.url, remote.target, remote.query_template) == ("https://moved.example", "silver", template)
        assert runtime().vault.open(remote.sealed_pass) == new_pass
        assert (remote.next_attempt_at, remote.is_probing, remote.failures, remote.version) == (None, False, 0, 2)
        assert set(session.scalars(select(Delivery.not_before))) == {None}


def test_another_target_begins_to_count_anew():
    remote_id = added()
    with db.write() as session:
        line(session, remote_id).acknowledged = 7
    changed(remote_id, url="https://moved.example")
    with db.write() as session:
        assert line(session, remote_id).acknowledged == 7
    changed(remote_id, target="silver", version=2)
    with db.write() as session:
        assert line(session, remote_id).acknowledged == 0


def test_the_second_of_two_admins_is_told():
    remote_id = added()
    changed(remote_id, url="https://first.example")
    refusal = refused(Conflict, changed, remote_id, url="https://second.example")
    assert refusal.code == "changed_meanwhile"
    with db.write() as session:
        assert line(session, remote_id).url == "https://first.example"


@pytest.mark.parametrize(("auth", "fields"), [(OTHER_AUTH, {}), (AUTH, {"observed": "gold"})])
def test_another_auth_or_observed_reserve_closes_the_line_and_opens_one(auth, fields):
    remote_id = added()
    sold(1, 2)
    new_id = changed(remote_id, auth, **fields)
    assert new_id != remote_id
    assert shown() == [remote_id, new_id]
    sold(3)
    sold(4, reserve="gold")
    assert owed(remote_id) == [1, 2]
    assert owed(new_id) == ([4] if fields else [3])
    settled(remote_id)
    emptied()
    assert shown() == [new_id]


def test_a_line_with_nothing_waiting_is_closed_at_once():
    remote_id = added()
    new_id = changed(remote_id, OTHER_AUTH)
    assert shown() == [new_id]
    emptied()
    assert shown() == [new_id]


def test_a_closing_line_stays_while_anything_waits():
    remote_id = added()
    sold(1, 2, 3)
    changed(remote_id, OTHER_AUTH)
    for state in (State.FAILED, State.UNKNOWN):
        with db.write() as session:
            session.scalars(select(Delivery).where(Delivery.remote_id == remote_id)).first().state = state
        settled(remote_id)
        emptied()
        assert remote_id in shown()


def test_a_closing_line_with_history_under_way_is_not_emptied_yet(monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK", 2)
    sold(1, 2, 3, 4)
    remote_id = added(with_history=True)
    with db.write() as session:
        backfill.step(session, remote_id, NOW)
    settled(remote_id)
    changed(remote_id, OTHER_AUTH)
    caught_up(remote_id)
    assert remote_id in shown()
    assert owed(remote_id) == [3, 4]

"""The rules of the Remote sites list: what is refused, what follows a change, what a deletion leaves behind."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger import reserves
from pointsync.models import Delivery, Origin, Remote, Site, State, Tally
from pointsync.runtime import runtime
from pointsync.sync import history, remotes, settings
from tests.support.frozen import START as NOW
from tests.sync.lines import AUTH, OTHER_AUTH, PASS, added, line, owed, settled, sold, typed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def gold(app) -> None:
    """A second reserve."""
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)


def changed(remote_id: int, auth: str = AUTH, version: int = 1, now=NOW, **fields: str) -> int:
    """Edit a line; the id of the one that stands for it now."""
    with db.write() as session:
        remote = remotes.get(session, remote_id)
        return remotes.change(session, runtime().vault, remote, typed(auth, **fields), version, now).id


def removed(remote_id: int, dropping: int = 0, now=NOW) -> None:
    """Delete a line."""
    with db.write() as session:
        remotes.remove(session, remotes.get(session, remote_id), now, dropping=dropping)


def emptied(now=NOW) -> None:
    """What the scheduled job does with lines that are closing."""
    with db.write() as session:
        remotes.close_emptied(session, now)


def shown() -> list[int]:
    """The lines on the list."""
    with db.write() as session:
        return [remote.id for remote in remotes.every(session)]


def refused(of: type[Refused], call, *args, **more) -> Refused:
    """Why that is refused; the list is as it was."""
    before = shown()
    with pytest.raises(of) as refusal:
        call(*args, **more)
    assert shown() == before
    return refusal.value


def caught_up(remote_id: int) -> None:
    """Run a line's history to its end."""
    with db.write() as session:
        while history.step(session, remote_id, NOW):
            pass


def test_a_line_keeps_what_was_typed_and_its_pass_sealed():
    remote_id = added(url="http://10.0.0.5:8080/x/", target="silver", observed="gold")
    with db.write() as session:
        remote = line(session, remote_id)
        assert (remote.url, remote.auth, remote.target) == ("http://10.0.0.5:8080/x", AUTH, "silver")
        assert remote.reserve.key == "gold"
        assert PASS not in remote.sealed_pass
        assert runtime().vault.open(remote.sealed_pass) == PASS
        assert (remote.status, remote.dialect, remote.version) == ("none", None, 1)
        assert session.get_one(Origin, AUTH).public_key is None
        shape = remotes.shape(session, remote)
    assert (shape["id"], shape["observed"], shape["waiting"], shape["paused"]) == (remote_id, "gold", 0, False)
    assert PASS not in str(shape)


def test_this_sites_own_auth_is_refused():
    with db.write() as session:
        own = session.get_one(Site, 1).auth
    assert list(refused(Invalid, added, own).fields) == ["auth"]
    remote_id = added()
    assert list(refused(Invalid, changed, remote_id, own).fields) == ["auth"]


def test_an_observed_reserve_that_is_not_here_is_refused():
    refusal = refused(NotFound, added, observed="silver")
    assert (refusal.code, list(refusal.fields)) == ("unknown_reserve", ["observed"])


def test_a_reserve_stands_in_one_line_of_a_site_here_and_there():
    first = added()
    same_here = refused(Conflict, added, target="silver")
    assert (same_here.code, list(same_here.fields)) == ("second_line", ["observed"])
    same_there = refused(Conflict, added, observed="gold")
    assert (same_there.code, list(same_there.fields)) == ("second_line", ["target"])
    second = added(observed="gold", target="silver")
    third = added(OTHER_AUTH)
    assert shown() == [first, second, third]
    assert refused(Conflict, changed, second, observed="gold", target="default").code == "second_line"
    assert refused(Conflict, changed, second, observed="default", target="silver").code == "second_line"
    assert refused(Conflict, changed, third, AUTH).code == "second_line"


def test_the_database_itself_refuses_a_second_line():
    added()
    for more in ({"target": "silver"}, {"observed": "gold"}):
        other = added(OTHER_AUTH, **more)
        with db.write() as session:
            line(session, other).auth = AUTH
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()
        removed(other)


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


def test_a_deletion_names_what_would_be_dropped():
    remote_id = added()
    sold(1, 2, 3)
    with db.write() as session:
        first, second, _ = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state = State.FAILED, State.UNKNOWN
    for wrong in (0, 2, 4, -3):
        refusal = refused(Conflict, removed, remote_id, dropping=wrong)
        assert refusal.code == "still_waiting"
        assert "3" in refusal.message
    removed(remote_id, dropping=3)
    assert shown() == []
    assert owed(remote_id, State.ASIDE) == [1, 2, 3]
    assert refused(NotFound, removed, remote_id).code == "unknown_remote"


def test_what_is_made_after_a_deletion_is_not_owed():
    remote_id = added()
    removed(remote_id)
    sold(1)
    assert owed(remote_id, None) == []


def test_adding_the_same_again_is_another_line_unless_it_goes_on():
    first = added()
    removed(first)
    second = added()
    assert second != first
    removed(second)
    assert added(go_on=True) == second


def test_going_on_owes_what_was_dropped_and_what_was_made_meanwhile():
    remote_id = added()
    sold(1)
    settled(remote_id)
    sold(2, 3)
    removed(remote_id, dropping=2, now=NOW + HOUR)
    sold(4, now=NOW + 2 * HOUR)
    assert added(go_on=True, now=NOW + 3 * HOUR, url="https://moved.example") == remote_id
    caught_up(remote_id)
    assert owed(remote_id) == [2, 3, 4]
    assert owed(remote_id, State.DELIVERED) == [1]
    with db.write() as session:
        remote = line(session, remote_id)
        assert (remote.url, remote.deleted_at, remote.version) == ("https://moved.example", None, 2)
    sold(5, now=NOW + 4 * HOUR)
    assert owed(remote_id) == [2, 3, 4, 5]


def test_going_on_leaves_aside_what_an_admin_has_set_aside():
    remote_id = added()
    sold(1, 2)
    with db.write() as session:
        first = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        first.state, first.message = State.ASIDE, "Given by hand."
    removed(remote_id, dropping=1, now=NOW + HOUR)
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [2]


def test_going_on_after_a_closing_owes_what_was_made_while_it_was_closing():
    remote_id = added()
    sold(1)
    new_id = changed(remote_id, OTHER_AUTH, now=NOW + HOUR)
    sold(2, now=NOW + 2 * HOUR)
    settled(remote_id)
    emptied(now=NOW + 3 * HOUR)
    sold(3, now=NOW + 4 * HOUR)
    removed(new_id, dropping=2)
    assert added(go_on=True, now=NOW + 5 * HOUR) == remote_id
    caught_up(remote_id)
    assert owed(remote_id) == [2, 3]


def test_going_on_takes_up_a_history_that_the_deletion_had_stopped(monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 2)
    sold(1, 2, 3, 4)
    remote_id = added(with_history=True)
    with db.write() as session:
        history.step(session, remote_id, NOW)
    assert refused(Conflict, removed, remote_id, dropping=2).code == "still_waiting"
    removed(remote_id, dropping=4, now=NOW + HOUR)
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [1, 2, 3, 4]


def test_going_on_does_not_lose_what_was_under_way_when_the_line_was_deleted():
    """Its moment was taken before the deletion, its row written after: by the clock it lies before."""
    remote_id = added()
    removed(remote_id, now=NOW + HOUR)
    sold(1, now=NOW + HOUR - timedelta(milliseconds=5))
    added(go_on=True, now=NOW + 2 * HOUR)
    caught_up(remote_id)
    assert owed(remote_id) == [1]


def test_a_closing_line_with_history_under_way_is_not_emptied_yet(monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 2)
    sold(1, 2, 3, 4)
    remote_id = added(with_history=True)
    with db.write() as session:
        history.step(session, remote_id, NOW)
    settled(remote_id)
    changed(remote_id, OTHER_AUTH)
    caught_up(remote_id)
    assert remote_id in shown()
    assert owed(remote_id) == [3, 4]


def test_a_paused_line_is_owed_and_says_so():
    remote_id = added()
    with db.write() as session:
        remotes.pause(session, line(session, remote_id), NOW)
        remotes.pause(session, line(session, remote_id), NOW + HOUR)
    sold(1)
    with db.write() as session:
        assert line(session, remote_id).paused_at == NOW
        assert remotes.shape(session, line(session, remote_id))["paused"] is True
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
        facts = remotes.facts(session, line(session, remote_id), known)
        assert (facts.pending, facts.failed, facts.unknown_customers) == (2, 1, 1)
        assert (facts.is_used_up, facts.was_sent, facts.is_paused) == (False, False, False)
        third.attempts = 10
        session.flush()
        assert remotes.facts(session, line(session, remote_id), known).is_used_up
        third.state = State.DELIVERED
        session.flush()
        assert not remotes.facts(session, line(session, remote_id), known).is_used_up
        shape = remotes.shape(session, line(session, remote_id))
    assert (shape["waiting"], shape["unknown_customers"], shape["refused"]) == (3, 1, 1)


def test_the_average_of_attempts_is_that_of_the_period():
    remote_id = added()
    today = NOW.date()
    with db.write() as session:
        remote = line(session, remote_id)
        known = settings.read(session)
        assert remotes.average_attempts(session, remote, known, today) is None
        for days, tries, delivered in ((0, 10, 10), (30, 20, 5), (31, 1000, 1), (400, 1000, 1)):
            session.add(Tally(remote_id=remote_id, day=today - days * DAY, tries=tries, delivered=delivered))
        session.flush()
        assert remotes.average_attempts(session, remote, known, today) == 2.0


def test_a_line_that_is_none():
    assert refused(NotFound, removed, 12345).code == "unknown_remote"
    with db.write() as session:
        assert session.scalars(select(Remote)).all() == []

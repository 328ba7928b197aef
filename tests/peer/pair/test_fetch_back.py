"""A site that was restored from yesterday's copy gets back what it had sent: each movement once, and none is lost."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.errors import TryLater
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Delivery, Movement, Reserve, Site
from pointsync.sync.remotes import blocked_origins, remotes
from tests.peer.conftest import MakeSite
from tests.peer.interceptors import answer_with
from tests.peer.pair.restored_family import SHOP, RestoredFamily, make_family
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def family(make_site: MakeSite, tmp_path: Path, moving_clock: MovingClock) -> Iterator[RestoredFamily]:
    """A site and two others that list it."""
    with make_family(make_site, tmp_path, moving_clock) as family:
        yield family


def test_lost_movements_come_back_under_their_id_source_and_ref(
    family: RestoredFamily, moving_clock: MovingClock
) -> None:
    family.order("old")
    family.deliver()
    family.backup()
    moving_clock.advance(MINUTE)
    lost = [family.order(f"order-{number}", number).movement for number in (1, 2, 3)]
    family.deliver()
    family.restore()
    family.fetch()
    assert not family.is_running
    back = {each.id: each for each in family.site.movements()[1:]}
    assert set(back) == {row.id for row in lost}
    for row in lost:
        came = back[row.id]
        assert (came.source, came.ref, came.points, came.kind, came.reason) == (SHOP, row.ref, row.points, "earn", "")
        assert (came.at, came.is_history) == (row.at, True)
    assert family.site.balances() == family.others[0].balances() == {ALICE: 16}
    assert [family.site.delivery_states(remote_id) for remote_id in family.remote_ids] == [["delivered"] * 4] * 2
    assert family.site.read(lambda session: session.scalar(select(Movement.id).where(Movement.ref == "order-1")))
    assert family.order("order-1", 1).status == "duplicate"
    assert not family.progress.is_shown
    for number, remote_id in enumerate(family.remote_ids):
        family.site.check(remote_id)
        remote = family.site.remote(remote_id)
        assert (remote.is_equal_there, remote.delivered_count) == (True, 4), number


def test_what_only_one_site_had_is_sent_to_the_other(family: RestoredFamily) -> None:
    family.backup()
    family.order("both")
    family.deliver()
    only_a = family.order("only-a").movement.id
    family.deliver(0)
    family.restore()
    family.fetch()
    assert family.own_ids(family.site) == family.own_ids(family.others[0])
    assert family.site.undelivered_ids() == [only_a]
    family.deliver()
    assert family.own_ids(family.others[1]) == family.own_ids(family.site)
    assert [site.balances() for site in (family.site, *family.others)] == [{ALICE: 20}] * 3


def test_until_it_ends_points_are_only_earned(family: RestoredFamily) -> None:
    family.order("old", 100)
    family.deliver()
    family.backup()
    family.order("lost", 50)
    family.deliver()
    family.restore()
    assert family.order("old", 100).status == "duplicate"
    for refused in (
        {"ref": "lost", "points": 50},
        {"ref": "new", "points": 7},
        {"ref": "low", "points": -500},
        {"ref": None, "points": -5},
        {"ref": None, "points": -5000},
        {"ref": None, "points": None, "set_to": 3},
        {"ref": None, "points": None, "set_to": 100},
        {"ref": None, "points": -5, "kind": "redeem"},
    ):
        with pytest.raises(TryLater) as error:
            family.order(**refused)
        assert (error.value.code, error.value.retry_after_seconds) == ("fetching_back", 30), refused
    assert family.order(None, 7).status == "recorded"  # type: ignore[arg-type]
    assert family.site.undelivered_ids()
    assert not any(family.site.is_due(remote_id) for remote_id in family.remote_ids)
    family.fetch()
    assert family.order("lost", 50).status == "duplicate"
    assert family.order("new", -157).status == "recorded"
    family.deliver()
    assert [site.balances() for site in (family.site, *family.others)] == [{}] * 3


def test_a_repeat_from_before_the_confirmation_is_taken_back(family: RestoredFamily) -> None:
    family.backup()
    first = family.order("order-1").movement
    family.order("order-2", 5)
    family.deliver()
    family.restore(confirm=False)
    repeat = family.order("order-1").movement
    assert family.site.balances() == {ALICE: 10}
    family.confirm()
    family.fetch()
    assert family.site.balances() == {ALICE: 15}
    correction = next(each for each in family.site.movements() if each.kind == "correction")
    assert (correction.points, correction.reason) == (-10, f"Repeat of movement {first.id}, which came back")
    rows = {each.id: each for each in family.site.movements()}
    assert (rows[first.id].source, rows[first.id].ref) == (SHOP, "order-1")
    assert (rows[repeat.id].source, rows[repeat.id].ref) == (None, None)
    assert family.order("order-1").movement.id == first.id
    assert family.site.undelivered_ids() == [repeat.id, repeat.id]
    assert not any(family.site.is_due(remote_id) for remote_id in family.remote_ids)
    family.deliver()
    assert [site.balances() for site in family.others] == [{ALICE: 15}] * 2


def test_a_site_that_does_not_answer_is_waited_for(family: RestoredFamily, moving_clock: MovingClock) -> None:
    family.backup()
    family.order("order-1")
    family.deliver()
    family.restore()
    b = family.take_down(1)
    family.fetch()
    assert family.is_running
    assert family.site.balances() == {}, "whether both agree is not known yet"
    shown = family.progress
    assert [(each.state, each.returned) for each in shown.remotes] == [("fetched", 1), ("waiting", 0)]
    assert "internal error" in (shown.remotes[1].message or "")
    b.interceptor = None
    family.fetch()
    assert family.is_running, "it is called again after a delay"
    moving_clock.advance(MINUTE)
    family.fetch()
    assert not family.is_running
    assert family.site.balances() == {ALICE: 10}


def test_an_admin_continues_without_a_site_which_is_fetched_before_anything_is_sent_to_it(
    family: RestoredFamily, moving_clock: MovingClock
) -> None:
    family.backup()
    family.order("order-1")
    family.deliver(0)
    only_b = family.order("order-2", 5).movement.id
    family.deliver(1)
    family.restore()
    b = family.take_down(1)
    family.fetch()
    family.continue_without(1)
    family.fetch()
    assert not family.is_running
    assert family.site.balances() == {ALICE: 10}
    repeat = family.order("order-2", 5).movement.id
    assert [family.site.is_due(remote_id) for remote_id in family.remote_ids] == [True, False]
    family.deliver()
    assert family.site.delivery_states(family.remote_ids[0]) == ["delivered", "delivered"]
    shown = family.progress
    assert (shown.running, shown.remotes[1].state) == (False, "skipped")

    b.interceptor = None
    moving_clock.advance(MINUTE)
    family.fetch()
    assert not family.progress.is_shown
    # A has the repeat, B the first one: each keeps what it has, and both count it once.
    assert family.site.balances() == {ALICE: 15}
    family.deliver()
    a = family.others[0]
    assert (only_b in family.own_ids(a), repeat in family.own_ids(a)) == (False, True)
    assert (only_b in family.own_ids(b), repeat in family.own_ids(b)) == (True, False)
    assert a.balances() == b.balances() == {ALICE: 15}
    for remote_id in family.remote_ids:
        family.site.check(remote_id)
        assert family.site.remote(remote_id).is_equal_there


def test_the_receiver_gets_its_own_movements_and_those_of_the_others(family: RestoredFamily) -> None:
    """The restored site has received as well: the others find out, and send theirs again."""
    a, _ = family.others
    [remote_id] = a.read(lambda session: session.scalars(select(Delivery.remote_id)).all()) or [1]
    family.backup()
    a.record(ALICE, 100)
    a.deliver(remote_id)
    family.order("order-1")
    family.deliver()
    family.restore()
    family.fetch()
    assert family.site.balances() == {ALICE: 10}
    a.check(remote_id)
    a.deliver(remote_id)
    assert family.site.balances() == {ALICE: 110}
    assert a.balances() == {ALICE: 110}


def test_a_remote_of_an_earlier_version_cannot_return_anything(
    family: RestoredFamily, moving_clock: MovingClock
) -> None:
    family.backup()
    family.order("order-1")
    family.deliver()
    family.restore()
    family.others[1].interceptor = answer_with(404, "not_found", path_suffix="/movements/fetch")
    family.fetch()
    waiting = family.progress.remotes[1]
    assert (waiting.state, waiting.message) == (
        "waiting",
        "Its PointSync is too old to return movements. Upgrade it there, or continue without it.",
    )
    family.continue_without(1)
    moving_clock.advance(MINUTE)
    family.fetch()
    assert not family.progress.is_shown, "there is nothing to wait for"
    family.site.check(family.remote_ids[1])
    family.deliver()
    assert set(family.site.delivery_states(family.remote_ids[1])) == {"delivered"}


def test_a_paused_or_blocked_remote_is_not_called(family: RestoredFamily, moving_clock: MovingClock) -> None:
    family.backup()
    family.restore()
    paused, blocked = family.remote_ids

    def stop(session: Session) -> None:
        remotes.pause(session, remotes.get(session, paused), clock.now())
        blocked_origins.block(session, family.others[1].identity.auth, "Sold", "ada", clock.now())

    family.site.write(stop)
    calls = [len(other.requests) for other in family.others]
    family.fetch()
    assert [each.message for each in family.progress.remotes] == [
        "This remote is paused. Resume it, or continue without it.",
        "This site is blocked. Unblock it, or continue without it.",
    ]
    assert [len(other.requests) for other in family.others] == calls
    assert blocked


def test_movements_that_nobody_can_have_sent_are_left_out(family: RestoredFamily) -> None:
    a, auth = family.others[0], family.site.identity.auth
    family.backup()
    good = family.order("order-1").movement.id
    bad = family.order("order-2").movement.id
    family.deliver(0)
    family.restore()

    def invent(session: Session) -> None:
        reserve = session.scalars(select(Reserve)).one()
        impossible = IncomingMovement(str(2**63 - 1), ALICE, 500, kind="earn")
        apply(session, auth, reserve, [impossible], clock.now())
        movement = session.scalars(select(Movement).where(Movement.id == bad)).one()
        movement.sent_customer = "nobody"

    a.write(invent)
    family.fetch()
    shown = family.progress.remotes[0]
    assert (shown.state, shown.returned, shown.unreadable) == ("complete", 1, 2)
    assert [each.id for each in family.site.movements()] == [good]
    assert int(family.order("order-3").movement.id) < 2**62


def test_nothing_is_fetched_while_sending_is_stopped(family: RestoredFamily) -> None:
    family.backup()
    family.restore()
    family.site.write(lambda session: setattr(session.get_one(Site, 1), "hold", "Moved?"))
    family.fetch()
    assert family.is_running
    assert family.progress.remotes == []

"""This site's Pass: changed, the old one's grace and end, and which sites still have it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.config import Config
from pointsync.errors import Conflict
from pointsync.models import Origin, Site
from pointsync.runtime import runtime
from pointsync.schedule import ticks as schedule_ticks
from pointsync.sync.site import passes
from tests.support.apps import together
from tests.support.moving_clock import START as NOW
from tests.support.moving_clock import MovingClock
from tests.support.remote_rows import AUTH, OTHER_AUTH, added
from tests.sync.site.site_starts import confirm, identity, row, start

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BLINK = timedelta(milliseconds=1)


def rotate(now=NOW, **more) -> None:
    """Change the Pass."""
    with db.write() as session:
        passes.rotate(session, runtime().vault, now, **more)


def called(auth: str = AUTH, at=NOW, *, is_old: bool = False) -> None:
    """A call of another site that was let in."""
    with db.write() as session:
        origin = session.get(Origin, auth) or Origin(auth=auth, first_seen_at=at)
        session.add(origin)
        origin.last_seen_at = at
        passes.note(origin, is_old=is_old, now=at)


def old(here: Config, now=NOW) -> passes.OldPass | None:
    with db.write() as session:
        return passes.old(session, here, now)


def having(here: Config, now=NOW) -> list[tuple[str, object]]:
    """Who has the old Pass, as far as is known, with the moment of the last call."""
    known = old(here, now)
    assert known is not None
    return [(each.auth, each.last_at) for each in known.callers]


@pytest.mark.usefixtures("app")
class TestRotation:
    def test_both_work_for_a_day_and_then_the_new_one_alone(self, here):
        [first] = identity(here).passes
        rotate()
        new, kept = identity(here, NOW).passes
        assert (kept, ids.is_pass(new), new != first) == (first, True, True)
        assert identity(here).sharing_key.endswith(new)
        assert identity(here, NOW + DAY - BLINK).passes == (new, first)
        ended = identity(here, NOW + DAY)
        assert (ended.passes, ended.ended_pass) == ((new,), first)
        assert identity(here, NOW + DAY - BLINK).ended_pass is None

    def test_at_once_the_old_one_works_no_longer(self, here):
        [first] = identity(here).passes
        rotate(at_once=True)
        [new] = identity(here).passes
        assert new != first
        assert identity(here).ended_pass == first
        assert old(here) == passes.OldPass(NOW, False, ())

    def test_the_grace_is_ended_early_and_only_once(self, here):
        rotate()
        with db.write() as session:
            passes.end_old(session, NOW + MINUTE)
        assert len(identity(here, NOW + MINUTE).passes) == 1
        assert old(here, NOW + MINUTE) == passes.OldPass(NOW + MINUTE, False, ())
        for later in (MINUTE, DAY, 40 * DAY):
            with db.write() as session, pytest.raises(Conflict) as refusal:
                passes.end_old(session, NOW + later)
            assert refusal.value.code == "no_old_pass"

    def test_there_is_no_end_where_nothing_was_changed(self, here):
        with db.write() as session, pytest.raises(Conflict, match="No old Pass works"):
            passes.end_old(session, NOW)
        assert old(here) is None

    def test_of_two_old_ones_only_the_newer_is_kept(self, here):
        [first] = identity(here).passes
        rotate()
        second = identity(here).passes[0]
        rotate(NOW + MINUTE)
        found = identity(here, NOW + MINUTE)
        assert found.passes[1:] == (second,)
        assert first not in (*found.passes, found.ended_pass)

    def test_what_is_stored_cannot_be_read(self, here):
        [first] = identity(here).passes
        rotate()
        stored = row()
        for sealed in (stored.sealed_pass, stored.sealed_old_pass):
            assert "wrs_" not in sealed
        assert runtime().vault.open(stored.sealed_old_pass) == first

    def test_who_saw_another_pass_changes_nothing(self, here):
        """Pressed twice, or by two admins at once, it would cut off every site that has the first one."""
        seen = passes.version(row().sealed_pass)
        assert runtime().vault.open(row().sealed_pass) not in seen
        rotate(seen=seen)
        before = identity(here).passes
        called(at=NOW + MINUTE)
        with pytest.raises(Conflict) as refusal:
            rotate(NOW + MINUTE, seen=seen)
        assert refusal.value.code == "changed_meanwhile"
        assert identity(here, NOW + MINUTE).passes == before
        assert having(here, NOW + MINUTE) == [], "not even who has it"

    def test_of_two_admins_at_once_one_changes_it(self, here, app):
        seen = passes.version(row().sealed_pass)

        def work(session: Session) -> None:
            passes.rotate(session, runtime().vault, NOW, seen=seen)

        def press() -> str:
            try:
                db.in_write(work)
            except Conflict as error:
                return error.code
            return "changed"

        first = identity(here).passes
        called()
        assert sorted(together(app, *[press] * 4)) == ["changed", *["changed_meanwhile"] * 3]
        assert identity(here).passes[1:] == first

    def test_it_is_told_for_a_month_and_then_forgotten(self, here, moving_clock: MovingClock):
        called()
        rotate(at_once=True)
        first = identity(here).ended_pass
        month = passes.KEPT
        assert identity(here, NOW + month - BLINK).ended_pass == first
        assert identity(here, NOW + month).ended_pass is None
        assert old(here, NOW + month) is None
        moving_clock.advance(month - BLINK)
        schedule_ticks.prune()
        assert row().sealed_old_pass
        assert having(here, clock.now()) == [(AUTH, NOW)]
        moving_clock.advance(BLINK + timedelta(seconds=schedule_ticks.LEASE_SECONDS))
        schedule_ticks.prune()
        assert (row().sealed_old_pass, row().old_pass_ends_at) == (None, None)
        with db.write() as session:
            assert session.get_one(Origin, AUTH).old_pass_at is None

    def test_a_copy_knows_nothing_of_it(self, here):
        start(here)
        called()
        rotate()
        with db.write() as session:
            session.get_one(Site, 1).hold = "The marker belongs to another database."
        confirm(here, "copy")
        assert (len(identity(here).passes), identity(here).ended_pass, old(here)) == (1, None, None)


@pytest.mark.usefixtures("app")
class TestCallers:
    """Which sites still have the old one."""

    def test_whoever_called_lately_has_it_until_they_call_with_the_new_one(self, here):
        added(name := AUTH)
        called(AUTH, NOW - DAY)
        called(OTHER_AUTH, NOW - 2 * DAY)
        called("wrk_" + "9" * 16, NOW - passes.KEPT)
        rotate(at_once=True)
        assert having(here) == [(AUTH, NOW - DAY), (OTHER_AUTH, NOW - 2 * DAY)]
        called(OTHER_AUTH, NOW + MINUTE)
        assert having(here, NOW + MINUTE) == [(AUTH, NOW - DAY)]
        [shown] = old(here, NOW + MINUTE).callers
        assert (shown.auth, shown.name) == (name, "https://other.example")

    def test_a_call_with_the_old_one_is_remembered_with_its_moment(self, here):
        rotate()
        called(at=NOW + MINUTE, is_old=True)
        assert having(here, NOW + MINUTE) == [(AUTH, NOW + MINUTE)]
        called(at=NOW + 2 * MINUTE)
        assert having(here, NOW + 2 * MINUTE) == []

    def test_a_call_that_was_on_its_way_tells_nothing(self, here):
        """It was signed before the line was changed there, and arrives after the first call with the new Pass."""
        rotate()
        called(at=NOW + MINUTE, is_old=True)
        called(at=NOW + 2 * MINUTE)
        called(at=NOW + 3 * MINUTE - BLINK, is_old=True)
        assert having(here, NOW + 3 * MINUTE) == []
        called(at=NOW + 3 * MINUTE, is_old=True)
        assert having(here, NOW + 3 * MINUTE) == [(AUTH, NOW + 3 * MINUTE)]

    def test_another_rotation_begins_anew(self, here):
        called()
        rotate()
        called(at=NOW + MINUTE)
        rotate(NOW + 2 * MINUTE)
        assert having(here, NOW + 2 * MINUTE) == [(AUTH, NOW + MINUTE)]

    def test_who_never_called_is_not_told_of(self, here):
        added()
        rotate()
        assert having(here) == []

    def test_no_more_are_shown_than_fit(self, here, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(passes, "MOST", 2)
        for number in range(3):
            called(f"wrk_{number:016x}", NOW + number * MINUTE, is_old=True)
        rotate(NOW + 3 * MINUTE)
        assert having(here, NOW + 3 * MINUTE) == [(f"wrk_{number:016x}", NOW + number * MINUTE) for number in (2, 1)]


def _has_old(origin: Origin) -> bool:
    """`has_old`, which is asked of the database, in Python."""
    new, before = origin.new_pass_at, origin.old_pass_at
    return before is not None and (new is None or before > new)


@given(st.lists(st.tuples(st.integers(1, 25), st.integers(0, 3)), min_size=1, max_size=20), st.integers(0, 5))
def test_a_site_with_two_lines_has_it_as_long_as_one_of_them_uses_it(ticks, more):
    """The one line has the new Pass, and sends as often as it likes; the other is checked with the old one."""
    origin, now = Origin(auth=AUTH, old_pass_at=NOW), NOW
    for minutes, sent in ticks:
        now += minutes * MINUTE
        passes.note(origin, is_old=True, now=now)
        for number in range(sent + 1):
            passes.note(origin, is_old=False, now=now + (number + 1) * BLINK)
        later = now + passes.BOTH_FOR - timedelta(minutes=5)
        passes.note(origin, is_old=True, now=later)
        assert _has_old(origin)
        passes.note(origin, is_old=False, now=later + MINUTE)
        assert _has_old(origin), "the other line has only been silent for a minute"
        now = later + MINUTE
    last = origin.old_pass_at
    passes.note(origin, is_old=False, now=last + passes.BOTH_FOR)
    assert not _has_old(origin)
    for number in range(more):
        passes.note(origin, is_old=False, now=last + passes.BOTH_FOR + (number + 1) * DAY)
        assert not _has_old(origin)

"""Blocking: who may be, what is told and kept of it, what is not sent meanwhile, and what the job takes back."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Movement, Reversal, Site, TurnedAway
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.delivery import claim
from pointsync.sync.remotes import blocked_origins, network
from pointsync.sync.site import general, names, settings
from tests.support.apps import reserve
from tests.support.moving_clock import START, MovingClock
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, added, line, sold

pytestmark = pytest.mark.usefixtures("app", "moving_clock")
MINUTE = timedelta(minutes=1)


def block(auth: str = AUTH, reason: str = "Sold", now=START) -> None:
    db.in_write(lambda session: blocked_origins.block(session, auth, reason, "ada", now))


def turned_away(auth: str = AUTH, now=START) -> str | None:
    return db.in_write(lambda session: blocked_origins.turn_away(session, auth, now))


def test_a_blocked_site_is_named_with_who_when_and_why_and_its_calls():
    remote_id = added()
    assert turned_away() is None
    block()
    assert [turned_away(spelled) for spelled in (AUTH, AUTH.upper(), f" {AUTH}")] == ["blocked"] * 3
    turned_away(now=START + MINUTE)
    block(reason="Stolen", now=START + MINUTE)
    with db.write() as session:
        [found] = blocked_origins.blocked(session, names.read(session, runtime().config))
        assert (found.auth, found.name, found.since) == (AUTH, "https://other.example", START)
        assert (found.reason, found.by, found.calls, found.last_call_at) == ("Stolen", "ada", 4, START + MINUTE)
        assert blocked_origins.still_calling([found], START + timedelta(hours=24)) == [found]
        assert blocked_origins.still_calling([found], START + timedelta(hours=25)) == []
        assert blocked_origins.not_let_in(session) == []
        assert line(session, remote_id).status_text.startswith("Blocked: nothing is taken")


def test_a_site_that_never_called_is_refused_from_its_first_call():
    block(OTHER_AUTH)
    assert turned_away(OTHER_AUTH) == "blocked"
    assert turned_away(AUTH) is None


@pytest.mark.parametrize("auth", ["", "shop", "wrk_", "wrk_0123456789abcdeg", "x" * 500])
def test_what_is_no_auth_and_never_called_cannot_be_blocked(auth):
    with pytest.raises(Invalid, match="wrk_ and 16 hex digits"):
        block(auth)


def test_neither_this_site_nor_a_reason_too_long():
    with db.write() as session:
        own = session.get_one(Site, 1).auth
    with pytest.raises(Conflict, match="this very site"):
        block(f" {own} ")
    with pytest.raises(Refused) as refusal:
        block(reason="x" * 501)
    assert list(refusal.value.fields) == ["reason"]
    with pytest.raises(NotFound):
        db.in_write(lambda session: blocked_origins.unblock(session, AUTH, START))


def test_nothing_is_sent_to_it_and_what_waits_stays(moving_clock: MovingClock):
    remote_id, other_id = added(), added(OTHER_AUTH)
    sold(5)
    with db.write() as session:
        for each in (remote_id, other_id):
            line(session, each).dialect = "pointsync"
        assert sorted(claim.due(session, START)) == [remote_id, other_id]
    block()
    with db.write() as session:
        assert claim.due(session, START) == [other_id]
        assert claim.hold(session, remote_id, "me", START) is None
        blocked = line(session, remote_id)
        assert (blocked.status, "1 movement waiting" in blocked.status_text) == ("warning", True)
    db.in_write(lambda session: blocked_origins.unblock(session, AUTH, START))
    with db.write() as session:
        assert sorted(claim.due(session, START)) == [remote_id, other_id]
        assert line(session, remote_id).status == "none"


def test_those_that_are_not_listed_are_noted_until_they_are():
    db.in_write(lambda session: settings.change(session, "only_listed", "on"))
    assert [turned_away(AUTH), turned_away(AUTH), turned_away(OTHER_AUTH)] == ["not_listed"] * 3
    added(OTHER_AUTH)
    assert turned_away(OTHER_AUTH) is None
    with db.write() as session:
        [found] = blocked_origins.not_let_in(session)
        assert (found.auth, found.calls) == (AUTH, 2)
        [shown] = network.read(session, runtime().config, START).turned_away
        assert (shown.auth, shown.calls, shown.last_at) == (AUTH, 2, START)
        blocked_origins.prune(session, START + MINUTE)
        assert blocked_origins.turned_away(session) == []


def test_as_many_are_noted_as_there_is_room_for_and_the_blocked_ones_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocked_origins, "MOST_TURNED_AWAY", 3)
    block()
    turned_away()
    db.in_write(lambda session: settings.change(session, "only_listed", "on"))
    for number in range(6):
        turned_away(f"wrk_{number:016x}", START + (number + 1) * MINUTE)
    with db.write() as session:
        kept = session.scalars(select(TurnedAway.auth).order_by(TurnedAway.last_at)).all()
        assert kept == [AUTH, f"wrk_{4:016x}", f"wrk_{5:016x}"]


def test_the_job_takes_back_what_was_asked_for_in_words_that_tell(moving_clock: MovingClock):
    with db.write() as session:
        apply(session, AUTH, reserve(session), [Incoming("1", ANNA, 40), Incoming("2", "bob@shop.example", 2)], START)
    ticks.reverse()
    block()
    berlin = ZoneInfo("Europe/Berlin")
    with db.write() as session:
        general.set_time_zone(session, berlin.key)
        found = blocked_origins.foresee(session, AUTH, f"{START.astimezone(berlin):%Y-%m-%dT%H:%M}", None, START)
        blocked_origins.reverse(session, runtime().config, found, START)
    ticks.reverse()
    ticks.reverse()
    with db.write() as session:
        row = session.scalars(select(Reversal)).one()
        assert (row.done, row.total, row.finished_at) == (2, 2, clock.now())
        made = session.scalars(select(Movement).where(Movement.kind == "correction").order_by(Movement.seq)).all()
        since = f"{START.astimezone(berlin):%Y-%m-%d %H:%M}"
        assert [(each.points, each.reason) for each in made] == [
            (-40, f"Reversal of {AUTH} since {since}: 1 movement"),
            (-2, f"Reversal of {AUTH} since {since}: 1 movement"),
        ]

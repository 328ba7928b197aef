"""Blocking a site: which sites can be blocked, what is stored and shown, what is not sent, and reversals."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Movement, RefusedOrigin, Reversal, Site
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.delivery import claim
from pointsync.sync.remotes import blocked_origins, network, origin_reversals
from pointsync.sync.site import general, names, settings
from tests.support.apps import ALSO_POSTGRES, get_reserve
from tests.support.moving_clock import START, MovingClock
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, add_remote, get_remote, record_points

pytestmark = [
    pytest.mark.usefixtures("app", "moving_clock"),
    pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True),
]
MINUTE = timedelta(minutes=1)


def block_origin(auth: str = AUTH, reason: str = "Sold", now=START) -> None:
    db.run_in_transaction(lambda session: blocked_origins.block(session, auth, reason, "ada", now))


def refuse_origin(auth: str = AUTH, now=START) -> str | None:
    return db.run_in_transaction(lambda session: blocked_origins.refuse_origin(session, auth, now))


def test_a_blocked_site_is_listed_with_who_when_why_and_its_calls():
    remote_id = add_remote()
    assert refuse_origin() is None
    block_origin()
    assert [refuse_origin() for _ in range(3)] == ["blocked"] * 3
    refuse_origin(now=START + MINUTE)
    block_origin(reason="Stolen", now=START + MINUTE)
    with db.transaction() as session:
        [found] = blocked_origins.list_blocked(session, names.read(session, get_runtime().config))
        assert (found.auth, found.name, found.blocked_at) == (AUTH, "https://other.example", START)
        assert (found.reason, found.blocked_by, found.call_count, found.last_call_at) == (
            "Stolen",
            "ada",
            4,
            START + MINUTE,
        )
        assert blocked_origins.filter_recent_callers([found], START + timedelta(hours=24)) == [found]
        assert blocked_origins.filter_recent_callers([found], START + timedelta(hours=25)) == []
        assert blocked_origins.list_unlisted_refused(session) == []
        assert get_remote(session, remote_id).status_text.startswith("Blocked: nothing is accepted")


def test_a_site_that_never_called_is_refused_from_its_first_call():
    block_origin(OTHER_AUTH)
    assert refuse_origin(OTHER_AUTH) == "blocked"
    assert refuse_origin(AUTH) is None


@pytest.mark.parametrize("auth", ["", "shop", "wrk_", "wrk_0123456789abcdeg", "x" * 500])
def test_an_invalid_auth_that_never_called_cannot_be_blocked(auth):
    with pytest.raises(InvalidInput, match="wrk_ followed by 16 hex digits"):
        block_origin(auth)


def test_the_own_site_and_too_long_reasons_are_refused():
    with db.transaction() as session:
        own = session.get_one(Site, 1).auth
    with pytest.raises(Conflict, match="the Auth of this site"):
        block_origin(f" {own} ")
    with pytest.raises(DomainError) as refusal:
        block_origin(reason="x" * 501)
    assert list(refusal.value.fields) == ["reason"]
    with pytest.raises(NotFound):
        db.run_in_transaction(lambda session: blocked_origins.unblock(session, AUTH, START))


def test_nothing_is_sent_to_a_blocked_site_and_its_deliveries_stay(moving_clock: MovingClock):
    remote_id, other_id = add_remote(), add_remote(OTHER_AUTH)
    record_points(5)
    with db.transaction() as session:
        for each in (remote_id, other_id):
            get_remote(session, each).dialect = "pointsync"
        assert sorted(claim.list_due(session, START)) == [remote_id, other_id]
    block_origin()
    with db.transaction() as session:
        assert claim.list_due(session, START) == [other_id]
        blocked = get_remote(session, remote_id)
        assert not claim.lease_remote(session, blocked, "me", START)
        assert (blocked.status, "1 movement waiting" in blocked.status_text) == ("warning", True)
    db.run_in_transaction(lambda session: blocked_origins.unblock(session, AUTH, START))
    with db.transaction() as session:
        assert sorted(claim.list_due(session, START)) == [remote_id, other_id]
        assert get_remote(session, remote_id).status == "none"


def test_unlisted_callers_are_stored_until_they_are_listed():
    db.run_in_transaction(lambda session: settings.change(session, "only_listed", "on"))
    assert [refuse_origin(AUTH), refuse_origin(AUTH), refuse_origin(OTHER_AUTH)] == ["not_listed"] * 3
    add_remote(OTHER_AUTH)
    assert refuse_origin(OTHER_AUTH) is None
    with db.transaction() as session:
        [found] = blocked_origins.list_unlisted_refused(session)
        assert (found.auth, found.calls) == (AUTH, 2)
        [refused] = network.read(session, get_runtime().config, START).refused_origins
        assert (refused.auth, refused.calls, refused.last_at) == (AUTH, 2, START)
        blocked_origins.delete_old_refusals(session, START + MINUTE)
        assert blocked_origins.list_refused(session) == []


def test_stored_refusals_are_bounded_and_blocked_sites_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocked_origins, "MAX_REFUSED_ORIGINS", 3)
    block_origin()
    refuse_origin()
    db.run_in_transaction(lambda session: settings.change(session, "only_listed", "on"))
    for number in range(6):
        refuse_origin(f"wrk_{number:016x}", START + (number + 1) * MINUTE)
    with db.transaction() as session:
        kept = session.scalars(select(RefusedOrigin.auth).order_by(RefusedOrigin.last_at)).all()
        assert kept == [AUTH, f"wrk_{4:016x}", f"wrk_{5:016x}"]


def test_the_job_reverses_the_movements_with_a_clear_reason(moving_clock: MovingClock):
    with db.transaction() as session:
        apply(
            session,
            AUTH,
            get_reserve(session),
            [IncomingMovement("1", ANNA, 40), IncomingMovement("2", "bob@shop.example", 2)],
            START,
        )
    ticks.run_reversals()
    block_origin()
    berlin = ZoneInfo("Europe/Berlin")
    with db.transaction() as session:
        general.set_time_zone(session, berlin.key)
        preview = origin_reversals.preview(session, AUTH, f"{START.astimezone(berlin):%Y-%m-%dT%H:%M}", None, START)
        origin_reversals.start(session, get_runtime().config, preview, START)
    ticks.run_reversals()
    ticks.run_reversals()
    with db.transaction() as session:
        row = session.scalars(select(Reversal)).one()
        assert (row.done, row.total, row.finished_at) == (2, 2, clock.now())
        corrections = session.scalars(
            select(Movement).where(Movement.kind == "correction").order_by(Movement.seq)
        ).all()
        since = f"{START.astimezone(berlin):%Y-%m-%d %H:%M}"
        assert [(each.points, each.reason) for each in corrections] == [
            (-40, f"Reversal of {AUTH} since {since}: 1 movement"),
            (-2, f"Reversal of {AUTH} since {since}: 1 movement"),
        ]

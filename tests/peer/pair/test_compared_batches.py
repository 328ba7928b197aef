"""Each batch says what was delivered before it, and its receiver compares: also while no ping finds a quiet moment."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from pointsync.digests import DigestSum
from pointsync.models import Balance, Movement, ReceivedSummary
from pointsync.schedule import remote_ticks
from pointsync.sync.comparison import compare
from pointsync.sync.remotes.status import DOUBT_PERIOD
from tests.peer.pair.edited_sites import Pair, edit, status
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller
from tests.support.moving_clock import MovingClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def remotes(pair: Pair) -> tuple[int, int]:
    """Both sites run and list each other; their remotes."""
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    deliver(a, to_b, 1)
    deliver(b, to_a, 1)
    a.check(to_b)
    b.check(to_a)
    return to_b, to_a


def deliver(site: PeerSite, remote_id: int, points: int) -> str:
    """Record a movement and deliver it."""
    movement_id = site.record(ALICE, points)
    site.deliver(remote_id)
    return movement_id


def summary(site: PeerSite, origin: PeerSite) -> ReceivedSummary:
    """What a site has received of another one."""
    key = (origin.identity.auth, 1)
    return site.read(lambda session: session.get_one(ReceivedSummary, key, populate_existing=True))


def check_while_sending(site: PeerSite, remote_id: int, sender: PeerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ping at a moment in which the sender has more movements waiting, as under a steady load."""
    save_ping: Callable[..., None] = compare.save_ping

    def save_busy(session: object, remote: object, before: object, answer: dict[str, object], now: object) -> None:
        told = DigestSum.from_json(answer["told"])
        behind = told and (told - DigestSum(1, 1))
        save_ping(session, remote, before, answer | {"waiting": 3, "told": behind and behind.to_json()}, now)

    with monkeypatch.context() as patch:
        patch.setattr(compare, "save_ping", save_busy)
        site.check(remote_id)


def test_batches_that_are_equal_keep_a_busy_remote_green(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    for points in range(2, 7):
        moving_clock.advance(5 * SECOND)
        deliver(b, remotes[1], points)
        check_while_sending(a, remotes[0], b, monkeypatch)
        assert status(a, remotes[0])[0] == "green"
    assert summary(a, b).doubted_at is None


def test_without_a_batch_that_is_equal_a_busy_remote_is_in_doubt(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    moving_clock.advance(5 * SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "green"
    moving_clock.advance(DOUBT_PERIOD + SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "warning"
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "green"
    assert summary(a, b).doubted_at is None


def test_a_doubt_long_after_the_last_comparison_counts_sooner(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is green that was compared more than ten seconds ago, if the other site did not answer meanwhile."""
    a, b = pair
    moving_clock.advance(7 * SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "green"
    moving_clock.advance(2 * SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "warning"


def test_a_batch_in_doubt_long_after_the_last_comparison_counts_sooner(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    edit_points(b)
    edit(b, "UPDATE setting SET name = name")  # the next heartbeat comes
    moving_clock.advance(20 * SECOND)
    deliver(b, remotes[1], 7)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "warning"


def test_a_movement_edited_at_its_origin_is_noticed_by_the_next_batch(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    edit_points(b)
    edit(b, "UPDATE setting SET name = name")  # the next heartbeat comes
    moving_clock.advance(2 * SECOND)
    deliver(b, remotes[1], 7)
    assert summary(a, b).doubted_at is not None
    moving_clock.advance(DOUBT_PERIOD + SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    assert status(a, remotes[0])[0] == "warning"


def test_an_edit_that_is_not_read_yet_is_neither_equal_nor_different(pair: Pair, remotes: tuple[int, int]) -> None:
    a, b = pair
    edit_points(b)
    a.check(remotes[0])
    remote = a.remote(remotes[0])
    assert (remote.is_equal_here, remote.is_equal_there) == (None, None)
    assert status(a, remotes[0]) == ("warning", "Delivered, not compared yet.")


def edit_points(site: PeerSite) -> None:
    """Somebody gives a point more with a movement of the site, and keeps the balance right."""

    def change(session: Session) -> None:
        session.execute(update(Movement).where(Movement.origin == site.identity.auth).values(points=2))
        session.execute(update(Balance).values(points=Balance.points + 1))

    site.write(change)


def test_a_remote_in_doubt_is_pinged_again_after_a_second(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    moving_clock.advance(2 * SECOND)
    check_while_sending(a, remotes[0], b, monkeypatch)
    pings = len(b.requests)
    with a.app.app_context():
        remote_ticks.check_remotes()
        assert len(b.requests) == pings
        moving_clock.advance(SECOND)
        remote_ticks.check_remotes()
        assert len(b.requests) == pings + 1
        moving_clock.advance(2 * SECOND)
        remote_ticks.check_remotes()
        assert len(b.requests) == pings + 1, "the doubt is over"


def test_a_batch_that_is_repeated_because_its_answer_was_lost_is_equal(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock
) -> None:
    a, b = pair
    moving_clock.advance(5 * SECOND)
    a.interceptor = lose_answer
    deliver(b, remotes[1], 5)
    a.interceptor = None
    assert a.balance(ALICE) == 7
    first_equal_at = summary(a, b).equal_at
    b.retry(remotes[1])
    b.record(ALICE, 6)
    moving_clock.advance(5 * SECOND)
    b.deliver(remotes[1])
    assert a.balance(ALICE) == 13
    assert first_equal_at is not None
    assert (summary(a, b).equal_at, summary(a, b).doubted_at) == (first_equal_at + 5 * SECOND, None)


def lose_answer(environ: object, start_response: Callable[..., object], answer: Callable[..., object]) -> list[bytes]:
    """Let the application answer, and answer something else."""
    answer(environ, lambda *_: None)
    start_response("502 Bad Gateway", [("Content-Length", "0")])
    return [b""]


@pytest.mark.parametrize(
    "told", [None, {}, {"count": 0}, {"count": -1, "hash": "0" * 32}, {"count": 0, "hash": 5}, "x"]
)
def test_what_a_caller_says_it_had_delivered_is_optional_and_never_breaks(pair: Pair, told: object) -> None:
    a, _ = pair
    caller = SignedCaller(a)
    movement = {"id": "77", "customer": ALICE, "points": 5, "kind": "earn", "reason": "", "at": "2026-01-01T00:00:00Z"}
    body = caller.body(movements=[movement, movement, {"id": "78"}, "nonsense"], told=told)
    for _ in range(2):
        assert caller.post("movements", body).status_code == 200
    assert a.balance(ALICE) == 5

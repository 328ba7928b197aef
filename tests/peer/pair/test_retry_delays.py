"""How a line waits: 413 and 429 cost no attempt, failures wait their delay, and used-up attempts are no end."""

from datetime import timedelta

import pytest

from pointsync.ledger.record import Draft
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)
SECOND = timedelta(seconds=1)


def many(site: PeerSite, count: int) -> list[str]:
    return site.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(count)])


@pytest.mark.parametrize("code", ["too_large", None], ids=["by the site", "by a proxy"])
def test_a_batch_too_large_is_halved_at_once(pair: Pair, code: str | None) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = many(a, 100)
    b.front = interceptors.refusing(interceptors.larger_than(30), 413, code)
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert a.undelivered() == []
    assert {a.delivery(each).attempts for each in made[::9]} == {1}
    assert a.shape(remote_id)["status"] == "green"
    assert a.shape(remote_id)["last_error"] is None


def test_a_single_movement_too_large_costs_no_attempt(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = a.record(ALICE, 5)
    b.front = interceptors.refusing(interceptors.larger_than(0), 413, "too_large")
    a.deliver(remote_id)
    assert (a.delivery(made).state, a.delivery(made).attempts) == ("pending", 0)


@pytest.mark.parametrize("code", ["too_many", None], ids=["by the site", "by a proxy"])
@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("0", 0 * SECOND, 2 * SECOND),
        ("10", 10 * SECOND, 10 * SECOND),
        ("3600", 3600 * SECOND, 3600 * SECOND),
        ("1000000000", 3600 * SECOND, 3600 * SECOND),
        ("9" * 400, 3600 * SECOND, 3600 * SECOND),
        ("soon", 0 * SECOND, DELAY),
        ("-5", 0 * SECOND, DELAY),
        ("", 0 * SECOND, DELAY),
    ],
)
def test_who_asks_to_come_later_is_obeyed_within_bounds(
    pair: Pair, moving_clock: MovingClock, code: str | None, asked: str, least: timedelta, most: timedelta
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    made, began = a.record(ALICE, 5), moving_clock.now()
    b.front = interceptors.answering(429, code, {"Retry-After": asked})
    a.deliver(remote_id)
    again_at = a.remote(remote_id).next_attempt_at
    assert again_at is not None
    assert least <= again_at - began <= most
    assert (a.delivery(made).state, a.delivery(made).attempts) == ("pending", 0)
    assert interceptors.batches(b) == 1
    b.front = None
    moving_clock.advance(again_at - began)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


def test_asked_to_come_later_for_ever_it_never_turns_red(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = a.record(ALICE, 5)
    b.front = interceptors.answering(429, "too_many", {"Retry-After": "10"})
    for _ in range(15):
        a.deliver(remote_id)
        moving_clock.advance(10 * SECOND)
    assert a.shape(remote_id)["status"] == "warning"
    assert a.delivery(made).attempts == 0


@pytest.mark.parametrize(
    ("status", "code"), [(500, None), (502, None), (503, None), (503, "busy"), (500, "own words"), (418, "teapot")]
)
def test_a_failing_site_is_tried_again_after_the_delay(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None
) -> None:
    """That moment belongs to the remote: new movements wait for it too instead of using up attempts."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = many(a, 3)
    b.front = interceptors.answering(status, code, of="/movements")
    a.deliver(remote_id)
    calls = interceptors.batches(b)
    made += many(a, 3)
    moving_clock.advance(DELAY - SECOND)
    a.deliver(remote_id)
    assert interceptors.batches(b) == calls
    assert a.shape(remote_id)["status"] == "warning"
    b.front = None
    moving_clock.advance(SECOND)
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == len(made)


@pytest.mark.parametrize("failure", ["down", "500", "503"])
def test_used_up_attempts_are_an_alarm_and_no_end(pair: Pair, moving_clock: MovingClock, failure: str) -> None:
    """Red, with one light probe per delay; the first good answer sends all that waits."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.set("max_attempts", "3")
    made = many(a, 5)
    if failure == "down":
        b.__exit__()
    else:
        b.front = interceptors.answering(int(failure))
    for _ in range(6):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.shape(remote_id)["status"] == "error"
    # A 500 may be about one movement, so others are tried: then it is three in a row that are used up.
    assert a.delivery(made[0]).attempts == (1 if failure == "500" else 3)
    calls = interceptors.batches(b)
    a.deliver(remote_id)
    assert interceptors.batches(b) == calls, "a probe is a ping"
    made += many(a, 2)
    b.front = None
    if failure == "down":
        b.__enter__()
    for _ in range(3):
        moving_clock.advance(DELAY)
        a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert a.shape(remote_id)["waiting"] == 0
    assert a.shape(remote_id)["status"] != "error"


def test_a_lost_answer_is_made_good_by_a_repeat(pair: Pair) -> None:
    """The other side has applied the batch; the same again, under the same ids, changes nothing there."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = many(a, 5)

    def swallow(environ, start_response, app):  # type: ignore[no-untyped-def]
        list(app(environ, lambda *_: None))
        return interceptors.page(start_response, 502)

    b.front = swallow
    a.deliver(remote_id)
    assert len(b.movements()) == len(made)
    b.front = None
    a.retry(remote_id)
    a.deliver(remote_id)
    assert set(a.states(remote_id)) == {"delivered"}
    assert a.balances() == b.balances()
    assert len(b.movements()) == len(made)

"""Delays of a remote: 413 and 429 cost no attempt, failures wait, and used-up attempts do not end sending."""

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


def record_many(site: PeerSite, count: int) -> list[str]:
    return site.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(count)])


@pytest.mark.parametrize("code", ["too_large", None], ids=["by the site", "by a proxy"])
def test_a_too_large_batch_is_halved_at_once(pair: Pair, code: str | None) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_ids = record_many(a, 100)
    b.interceptor = interceptors.refuse_batches(interceptors.has_more_than(30), 413, code)
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert a.undelivered_ids() == []
    assert {a.delivery(each).attempts for each in movement_ids[::9]} == {1}
    assert a.remote_json(remote_id)["status"] == "green"
    assert a.remote_json(remote_id)["last_error"] is None


def test_a_single_too_large_movement_costs_no_attempt(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_id = a.record(ALICE, 5)
    b.interceptor = interceptors.refuse_batches(interceptors.has_more_than(0), 413, "too_large")
    a.deliver(remote_id)
    assert (a.delivery(movement_id).state, a.delivery(movement_id).attempts) == ("pending", 0)


@pytest.mark.parametrize("code", ["too_many", None], ids=["by the site", "by a proxy"])
@pytest.mark.parametrize(
    ("retry_after", "min_delay", "max_delay"),
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
def test_retry_after_is_respected_within_bounds(
    pair: Pair,
    moving_clock: MovingClock,
    code: str | None,
    retry_after: str,
    min_delay: timedelta,
    max_delay: timedelta,
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_id, started_at = a.record(ALICE, 5), moving_clock.now()
    b.interceptor = interceptors.answer_with(429, code, {"Retry-After": retry_after})
    a.deliver(remote_id)
    next_attempt_at = a.remote(remote_id).next_attempt_at
    assert next_attempt_at is not None
    assert min_delay <= next_attempt_at - started_at <= max_delay
    assert (a.delivery(movement_id).state, a.delivery(movement_id).attempts) == ("pending", 0)
    assert interceptors.batch_count(b) == 1
    b.interceptor = None
    moving_clock.advance(next_attempt_at - started_at)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


def test_endless_retry_after_never_turns_the_remote_red(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_id = a.record(ALICE, 5)
    b.interceptor = interceptors.answer_with(429, "too_many", {"Retry-After": "10"})
    for _ in range(15):
        a.deliver(remote_id)
        moving_clock.advance(10 * SECOND)
    assert a.remote_json(remote_id)["status"] == "warning"
    assert a.delivery(movement_id).attempts == 0


@pytest.mark.parametrize(
    ("status", "code"), [(500, None), (502, None), (503, None), (503, "busy"), (500, "custom"), (418, "teapot")]
)
def test_a_failing_site_is_retried_after_the_delay(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None
) -> None:
    """The retry time belongs to the remote: new movements wait for it too and use up no attempts."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_ids = record_many(a, 3)
    b.interceptor = interceptors.answer_with(status, code, path_suffix="/movements")
    a.deliver(remote_id)
    batch_count = interceptors.batch_count(b)
    movement_ids += record_many(a, 3)
    moving_clock.advance(DELAY - SECOND)
    a.deliver(remote_id)
    assert interceptors.batch_count(b) == batch_count
    assert a.remote_json(remote_id)["status"] == "warning"
    b.interceptor = None
    moving_clock.advance(SECOND)
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == len(movement_ids)


@pytest.mark.parametrize("failure", ["down", "500", "503"])
def test_used_up_attempts_are_an_alarm_but_sending_resumes(pair: Pair, moving_clock: MovingClock, failure: str) -> None:
    """The remote is red and pinged once per delay; after the first good answer everything is sent."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.change_setting("max_attempts", "3")
    movement_ids = record_many(a, 5)
    if failure == "down":
        b.__exit__()
    else:
        b.interceptor = interceptors.answer_with(int(failure))
    for _ in range(6):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.remote_json(remote_id)["status"] == "error"
    # A 500 may concern one movement, so others are tried; three failures in a row use up the attempts.
    assert a.delivery(movement_ids[0]).attempts == (1 if failure == "500" else 3)
    batch_count = interceptors.batch_count(b)
    a.deliver(remote_id)
    assert interceptors.batch_count(b) == batch_count, "a probe is a ping"
    movement_ids += record_many(a, 2)
    b.interceptor = None
    if failure == "down":
        b.__enter__()
    for _ in range(3):
        moving_clock.advance(DELAY)
        a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert a.remote_json(remote_id)["waiting"] == 0
    assert a.remote_json(remote_id)["status"] != "error"


def test_after_a_lost_answer_the_batch_is_repeated(pair: Pair) -> None:
    """The other side has applied the batch; the same ids again change nothing there."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_ids = record_many(a, 5)

    def lose_answer(environ, start_response, app):  # type: ignore[no-untyped-def]
        list(app(environ, lambda *_: None))
        return interceptors.html_answer(start_response, 502)

    b.interceptor = lose_answer
    a.deliver(remote_id)
    assert len(b.movements()) == len(movement_ids)
    b.interceptor = None
    a.retry(remote_id)
    a.deliver(remote_id)
    assert set(a.delivery_states(remote_id)) == {"delivered"}
    assert a.balances() == b.balances()
    assert len(b.movements()) == len(movement_ids)

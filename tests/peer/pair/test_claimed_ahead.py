"""While the other site applies a batch, the next one is claimed. It is sent only after that one has succeeded."""

import gzip
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.people import people
from pointsync.ledger.record import Draft
from pointsync.models import Attempt, Delivery, ReceivedSummary, Remote
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.signed_caller import ALICE
from tests.support.process import wait_until

Pair = tuple[PeerSite, PeerSite]
BATCH_SIZE = 5


class Calls:
    """What B gets. `during`, by the number of the call, runs before it is answered, when A has claimed more."""

    def __init__(self, a: PeerSite, during: dict[int, Callable[[], object]]) -> None:
        self.a, self.during = a, during
        self.endpoints: list[str] = []
        self.ids: list[list[str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(raw)
        endpoint = environ["PATH_INFO"].rpartition("/")[2]
        self.endpoints.append(endpoint)
        if endpoint == "movements":
            body = json.loads(gzip.decompress(raw) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else raw)
            self.ids.append([each["id"] for each in body["movements"]])
            number = len(self.ids)
            if number in self.during:
                wait_until(lambda: _count_attempts(self.a) > number, 5, "the next batch is claimed")
                if self.during[number]() is False:
                    return interceptors.error_answer(start_response, 503, "busy")
        return app(environ, start_response)


def _count_attempts(site: PeerSite) -> int:
    return site.read(lambda session: session.scalar(select(func.count(Attempt.id)))) or 0


def _prepare(pair: Pair, count: int, during: dict[int, Callable[[], object]]) -> tuple[int, Calls, list[str]]:
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.write(lambda session: session.execute(update(Remote).values(batch_size=BATCH_SIZE)))
    movement_ids = a.record_all([Draft(f"c{number}@example.test", number + 1) for number in range(count)])
    calls = Calls(a, during)
    b.interceptor = calls
    return remote_id, calls, movement_ids


def _is_equal(pair: Pair) -> bool:
    a, b = pair
    [summary] = b.read(lambda session: session.scalars(select(ReceivedSummary)).all())
    return summary.doubted_at is None and a.balances() == b.balances()


def test_batches_arrive_in_order_and_are_compared(pair: Pair) -> None:
    a, _ = pair
    remote_id, calls, movement_ids = _prepare(pair, 33, {1: lambda: None, 2: lambda: None})
    a.deliver(remote_id)
    assert [movement_id for batch in calls.ids for movement_id in batch] == movement_ids
    assert [len(batch) for batch in calls.ids[:2]] == [BATCH_SIZE, BATCH_SIZE]
    assert _count_attempts(a) == len(calls.ids)
    assert set(a.delivery_states(remote_id)) == {"delivered"}
    assert _is_equal(pair)
    assert a.remote_json(remote_id)["status"] == "green"


def test_nothing_follows_a_call_that_failed(pair: Pair) -> None:
    a, _ = pair
    remote_id, calls, movement_ids = _prepare(pair, 12, {1: lambda: False})
    a.deliver(remote_id)
    assert calls.ids == [movement_ids[:BATCH_SIZE]]
    assert _count_attempts(a) == 1, "the attempt of the batch that was not sent is deleted"
    a.retry(remote_id)
    a.deliver(remote_id)
    assert [movement_id for batch in calls.ids[1:] for movement_id in batch] == movement_ids
    assert [a.delivery(each).attempts for each in movement_ids] == [2] * BATCH_SIZE + [1] * 7
    assert _is_equal(pair)


@pytest.mark.parametrize("column", ["paused_at", "deleted_at"])
def test_what_was_claimed_ahead_is_not_sent_any_more(pair: Pair, column: str) -> None:
    a, _ = pair

    def stop(session: Session) -> None:
        session.execute(update(Remote).values({column: clock.now()}))

    remote_id, calls, movement_ids = _prepare(pair, 12, {1: lambda: a.write(stop)})
    a.deliver(remote_id)
    assert calls.ids == [movement_ids[:BATCH_SIZE]]
    assert a.delivery_states(remote_id) == ["delivered"] * BATCH_SIZE + ["pending"] * 7
    assert _count_attempts(a) == 1


def test_a_change_of_people_overtakes_what_was_claimed_after_it(pair: Pair) -> None:
    a, b = pair
    b.list_site(a)

    def rename() -> None:
        a.write(lambda session: people.rename(session, "c0@example.test", ALICE, clock.now()))

    remote_id, calls, _ = _prepare(pair, 12, {1: rename})
    a.deliver(remote_id)
    assert set(a.delivery_states(remote_id)) == {"delivered"}
    assert calls.endpoints.index("changes") <= 2, "at most the batch that was claimed before it"
    assert _is_equal(pair)


def test_an_aborted_process_sends_both_batches_again(pair: Pair) -> None:
    """As a process that is killed after the second call and before it has saved anything."""
    a, b = pair
    remote_id, calls, movement_ids = _prepare(pair, 10, {1: lambda: None})
    a.deliver(remote_id)
    values = {"state": "pending", "delivered_at": None}
    a.write(lambda session: session.execute(update(Delivery).values(values)))
    a.write(lambda session: session.execute(update(Remote).values(delivered_count=0, delivered_hash=0)))
    a.deliver(remote_id)
    assert len(b.movements()) == 10
    assert sorted(movement_id for batch in calls.ids for movement_id in batch) == sorted(movement_ids * 2)
    assert _is_equal(pair)

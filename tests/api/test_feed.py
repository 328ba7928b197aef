"""The feed by the shop API: pages, cursors, and waiting for the next movement."""

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from pointsync import clock, db
from pointsync.api import feed as feed_view
from pointsync.db.commit_signal import EXTENSION_KEY, CommitSignal
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Site
from pointsync.runtime import get_runtime
from tests.api.api_clients import ApiClient, create_api_client
from tests.support.apps import get_reserve
from tests.support.process import wait_until

ALICE = "alice@example.test"
FEED = "/movements/feed"


@pytest.fixture
def waiting(app: Flask) -> Iterator[None]:
    """A server with four threads, one of which may wait."""
    get_runtime(app).set_thread_count(4)
    yield
    get_runtime(app).set_thread_count(0)
    app.extensions[EXTENSION_KEY] = CommitSignal()


def test_movements_of_all_origins_with_their_cursors(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 50, "ref": "order-1"})
    with app.app_context():
        sent = IncomingMovement("7", "bob@example.test", 5, kind="earn", reason="Elsewhere")
        db.run_in_transaction(
            lambda session: apply(session, "wrk_aaaaaaaaaaaaaaaa", get_reserve(session), [sent], clock.now())
        )
    document = api_client.get(FEED).json
    first, second = document["movements"]
    [listed] = api_client.get(f"/customers/{ALICE}/movements").json["movements"]
    assert first == listed | {"cursor": first["cursor"]}
    assert (second["origin"], second["id"], second["balance"]) == ("wrk_aaaaaaaaaaaaaaaa", "7", 5)
    assert second["cursor"] == document["next"]
    assert api_client.get(f"{FEED}?after={first['cursor']}").json["movements"] == [second]
    assert api_client.get(f"{FEED}?limit=1").json == {"movements": [first], "next": first["cursor"]}
    assert api_client.get(f"{FEED}?after={document['next']}").json == {"movements": [], "next": document["next"]}
    assert api_client.get(f"{FEED}?after=latest").json == {"movements": [], "next": document["next"]}


def test_a_cursor_of_another_state(app: Flask, api_client: ApiClient) -> None:
    api_client.record({"customer": ALICE, "points": 50})
    cursor = api_client.get(FEED).json["next"]
    with app.app_context():
        db.run_in_transaction(lambda session: session.execute(update(Site).values(restored_at=clock.now())))
    answer = api_client.get(f"{FEED}?after={cursor}")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "cursor_invalid")
    assert "after=latest" in answer.json["error"]["message"]
    assert api_client.get(f"{FEED}?after=latest").status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"after={each}", "after") for each in ("", "5", "a%00b", "latest&after=latest")),
        *((f"wait={each}", "wait") for each in ("31", "-1", "1.5", "", "x", "1&wait=2", "9" * 30)),
        *((f"limit={each}", "limit") for each in ("0", "1001", "-1", "", "x", "1&limit=2")),
    ],
)
def test_a_wrong_parameter(api_client: ApiClient, query: str, field: str) -> None:
    answer = api_client.get(f"{FEED}?{query}")
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])


def call_in_background(client: ApiClient, query: str) -> tuple[threading.Thread, list[Any], list[float]]:
    """Call the feed in a thread; its answers and how long they took come later."""
    answers: list[Any] = []
    seconds: list[float] = []

    def call() -> None:
        started_at = monotonic()
        answers.append(client.get(f"{FEED}?{query}"))
        seconds.append(monotonic() - started_at)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, answers, seconds


def wait_until_waiting(app: Flask) -> None:
    """Until the only slot for waiting calls is taken."""
    wait_until(lambda: get_runtime(app).wait_slots._value == 0, 20, "the slot is taken")


@pytest.mark.usefixtures("waiting")
def test_a_waiting_call_is_answered_when_something_is_committed(
    app: Flask, api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_view, "LOOK_SECONDS", 30)  # only the event of this process wakes it
    thread, answers, seconds = call_in_background(ApiClient(app.test_client(), api_client.key), "wait=30")
    wait_until_waiting(app)
    api_client.record({"customer": ALICE, "points": 50})
    thread.join(30)
    assert [each["points"] for each in answers[0].json["movements"]] == [50]
    assert seconds[0] < 20


@pytest.mark.usefixtures("waiting")
def test_a_movement_of_another_process_is_found_by_looking(
    app: Flask, api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CommitSignal, "notify", lambda _: None)
    thread, answers, seconds = call_in_background(ApiClient(app.test_client(), api_client.key), "wait=30")
    wait_until_waiting(app)
    api_client.record({"customer": ALICE, "points": 50})
    thread.join(30)
    assert len(answers[0].json["movements"]) == 1
    assert seconds[0] < 20


@pytest.mark.usefixtures("waiting")
def test_nothing_happens(api_client: ApiClient) -> None:
    started_at = monotonic()
    answer = api_client.get(f"{FEED}?wait=1")
    assert monotonic() - started_at >= 1
    assert (answer.json["movements"], "Retry-After" in answer.headers) == ([], False)


@pytest.mark.usefixtures("waiting")
def test_at_most_a_quarter_of_the_threads_wait(app: Flask, api_client: ApiClient) -> None:
    thread, answers, _ = call_in_background(ApiClient(app.test_client(), api_client.key), "wait=30")
    wait_until_waiting(app)
    started_at = monotonic()
    answer = api_client.get(f"{FEED}?wait=30")
    assert monotonic() - started_at < 20
    assert (answer.status_code, answer.json["movements"], answer.headers["Retry-After"]) == (200, [], "1")
    app.extensions[EXTENSION_KEY].close()  # the server stops
    thread.join(20)
    assert answers[0].json["movements"] == []
    assert get_runtime(app).wait_slots.acquire(blocking=False), "the slot is free again"


def test_an_unknown_server_lets_nobody_wait(api_client: ApiClient) -> None:
    answer = api_client.get(f"{FEED}?wait=30")
    assert (answer.json["movements"], answer.headers["Retry-After"]) == ([], "1")


def test_both_databases(app_on_each_database: Flask) -> None:
    shop = create_api_client(app_on_each_database)
    cursor = shop.get(f"{FEED}?after=latest").json["next"]
    shop.record({"movements": [{"customer": ALICE, "points": each} for each in (1, 2, 3)]})
    assert [each["points"] for each in shop.get(f"{FEED}?after={cursor}").json["movements"]] == [1, 2, 3]

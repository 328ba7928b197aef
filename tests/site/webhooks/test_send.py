"""Webhooks: what they learn, in which order, and what happens when they fail."""

import threading
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from pointsync import clock, db
from pointsync.crypto import Vault
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.feed import feed
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.record import Draft
from pointsync.models import Site, Webhook
from pointsync.runtime import get_runtime
from pointsync.schedule import webhook_ticks
from pointsync.sync.site import installation
from pointsync.webhooks import endpoints, send
from pointsync.webhooks.message import MAX_CHANGES, MAX_MOVEMENTS
from tests.site.webhooks.receiver import ANNA, BOB, add_webhook, give, give_all, start_receiver
from tests.support.process import wait_until
from tests.support.scripted_server import ScriptedServer

pytestmark = pytest.mark.usefixtures("app")

DELAY = timedelta(seconds=180)


def read_feed(after: str) -> list[tuple[str, int]]:
    with db.transaction() as session:
        page = feed.read_page(session, feed.find_position(session, after), 100)
        return [(each.email, each.movement.points) for each in page.entries]


def test_a_message_is_signed_and_tells_what_has_changed(serve):
    give((ANNA, 100))
    receiver = start_receiver(serve)
    with db.transaction() as session:
        reserves.create(session, "gold", "Gold", clock.now())
    give((ANNA, 5), (BOB, 7))
    give_all([Draft(ANNA, -20), Draft(ANNA, 3, reserve="gold")])
    receiver.deliver()
    receiver.deliver()
    [message], [headers] = receiver.messages, receiver.headers
    body = receiver.server.requests[0].partition(b"\r\n\r\n")[2]
    assert Verifier(receiver.secret).verify(body, headers) == message
    with pytest.raises(WebhookVerificationError):
        Verifier(receiver.secret).verify(body + b" ", headers)
    assert receiver.server.requests[0].startswith(b"POST /points?shop=1 HTTP/1.1")
    assert (message["type"], message["timestamp"][-1]) == ("points.changed", "Z")
    data = message["data"]
    assert data["changes"] == [
        {"customer": ANNA, "reserve": "default", "balance": 85},
        {"customer": BOB, "reserve": "default", "balance": 7},
        {"customer": ANNA, "reserve": "gold", "balance": 3},
    ]
    assert (data["more"], data["restarted"]) == (False, False)
    assert read_feed(data["after"]) == [(ANNA, 5), (BOB, 7), (ANNA, -20), (ANNA, 3)]
    assert read_feed(data["cursor"]) == []
    assert receiver.row.last_success_at
    [status] = endpoints.list_all(db.session())
    assert (status.state, status.waiting_since) == ("ok", None)
    with db.transaction() as session:
        assert data["site"] == session.get_one(Site, 1).auth
    assert data["cursor"].startswith(data["lineage"])


def test_messages_follow_each_other_without_gap(serve):
    receiver = start_receiver(serve)
    for points in (1, 2, 3):
        give((ANNA, points))
        receiver.deliver()
    data = [each["data"] for each in receiver.messages]
    assert [each["changes"][0]["balance"] for each in data] == [1, 3, 6]
    assert [each["after"] for each in data[1:]] == [each["cursor"] for each in data[:-1]]
    assert len({each["webhook-id"] for each in receiver.headers}) == 3


def test_a_failure_is_repeated_after_the_delay_with_all_that_has_changed(serve, moving_clock):
    receiver = start_receiver(serve, "500 Oops", "302 Found\r\nLocation: /elsewhere")
    give((ANNA, 1))
    receiver.deliver()
    assert "status 500" in receiver.row.last_error
    [status] = endpoints.list_all(db.session())
    assert (status.state, status.waiting_since) == ("failing", moving_clock.now())
    moving_clock.advance(DELAY - timedelta(seconds=1))
    receiver.deliver()
    assert len(receiver.messages) == 1
    moving_clock.advance(timedelta(seconds=1))
    receiver.deliver()
    assert "It is a redirect: enter http://127.0.0.1:" in receiver.row.last_error
    assert "/elsewhere instead." in receiver.row.last_error
    assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"], "the same changes"
    give((ANNA, 1), (BOB, 5))
    moving_clock.advance(DELAY)
    receiver.deliver()
    last = receiver.messages[-1]["data"]
    assert [each["balance"] for each in last["changes"]] == [2, 5]
    assert last["after"] == receiver.messages[0]["data"]["after"]
    assert receiver.headers[2]["webhook-id"] != receiver.headers[1]["webhook-id"]
    row = receiver.row
    assert (row.failures, row.failing_since, row.next_attempt_at) == (0, None, None)


def test_it_waits_as_long_as_the_endpoint_asks(serve, moving_clock):
    receiver = start_receiver(serve, "429 Later\r\nRetry-After: 600", "503 Later\r\nRetry-After: 99999999")
    give((ANNA, 1))
    receiver.deliver()
    assert receiver.row.next_attempt_at == moving_clock.now() + timedelta(seconds=600)
    moving_clock.advance(timedelta(seconds=600))
    receiver.deliver()
    assert receiver.row.next_attempt_at == moving_clock.now() + timedelta(hours=1)
    moving_clock.advance(timedelta(days=-300))
    receiver.deliver()
    assert len(receiver.messages) == 3, "the clock was set back, so the wait is over"


def test_after_five_days_it_is_switched_off_until_a_test_succeeds(serve, moving_clock):
    receiver = start_receiver(serve, *["500 Oops"] * 5)
    give((ANNA, 1))
    for _ in range(3):
        receiver.deliver()
        moving_clock.advance(timedelta(days=2))
    assert receiver.row.disabled_at is None
    receiver.deliver()
    assert receiver.row.disabled_at == moving_clock.now()
    moving_clock.advance(timedelta(days=1))
    receiver.deliver()
    assert len(receiver.messages) == 4
    assert endpoints.count_off(db.session()) == 1
    assert "status 500" in send.send_test(receiver.webhook_id)
    assert receiver.row.disabled_at is not None
    assert send.send_test(receiver.webhook_id) == ""
    assert endpoints.count_off(db.session()) == 0
    test = receiver.messages[-1]
    assert (test["type"], test["data"]["changes"]) == ("webhook.test", [])
    receiver.deliver()
    assert receiver.messages[-1]["data"]["changes"] == [{"customer": ANNA, "reserve": "default", "balance": 1}]


def test_one_failure_after_a_leap_of_the_clock_does_not_switch_it_off(serve, moving_clock):
    receiver = start_receiver(serve, *["500 Oops"] * 2)
    give((ANNA, 1))
    receiver.deliver()
    moving_clock.advance(timedelta(days=400))
    receiver.deliver()
    assert receiver.row.disabled_at is None


def test_an_endpoint_that_is_gone_is_switched_off_at_once(serve):
    receiver = start_receiver(serve, "410 Gone")
    give((ANNA, 1))
    receiver.deliver()
    assert receiver.row.disabled_at is not None


def test_after_a_restore_it_begins_anew_and_says_so(serve, moving_clock):
    receiver = start_receiver(serve, "204 No Content", "500 Oops")
    give((ANNA, 1))
    receiver.deliver()
    give((ANNA, 2))
    with db.transaction() as session:
        session.execute(update(Site).values(restored_at=clock.now()))
    receiver.deliver()
    give((BOB, 4))
    moving_clock.advance(DELAY)
    receiver.deliver()
    before, failed, restarted = (each["data"] for each in receiver.messages)
    assert failed["lineage"] == restarted["lineage"] != before["lineage"]
    assert (failed["restarted"], failed["changes"], failed["after"]) == (True, [], failed["cursor"])
    assert restarted["restarted"]
    assert restarted["changes"] == [{"customer": BOB, "reserve": "default", "balance": 4}]
    assert restarted["after"] == failed["cursor"]
    give((BOB, 1))
    receiver.deliver()
    assert not receiver.messages[-1]["data"]["restarted"]


def test_a_position_that_the_database_does_not_have(serve):
    receiver = start_receiver(serve)
    give((ANNA, 1))
    with db.transaction() as session:
        cursor = session.get_one(Webhook, receiver.webhook_id)
        cursor.cursor = cursor.cursor.replace("-0-00000000", "-7-12345678")
    receiver.deliver()
    assert receiver.messages[0]["data"]["restarted"]


def test_a_message_has_bounds(serve):
    receiver = start_receiver(serve)
    emails = [f"c{number:04}@shop.example" for number in range(MAX_MOVEMENTS)]
    give(*[(each, 1) for each in emails[: MAX_CHANGES + 1]])
    receiver.deliver()
    give(*[(each, 1) for each in emails])
    give((ANNA, 1))
    receiver.deliver()
    many, very_many = (each["data"] for each in receiver.messages)
    assert ([each["customer"] for each in many["changes"]], many["more"]) == (emails[:MAX_CHANGES], True)
    assert (very_many["changes"], very_many["more"]) == ([], True)
    assert very_many["after"] == many["cursor"]
    assert read_feed(very_many["cursor"]) == []


def test_movements_that_change_nothing_are_no_message(serve):
    receiver = start_receiver(serve)
    give_all([Draft(ANNA, set_to=0, ref="1")])
    assert send.list_due(db.session(), clock.now()) == [receiver.webhook_id]
    receiver.deliver()
    assert send.list_due(db.session(), clock.now()) == []
    assert receiver.messages == []


@pytest.mark.parametrize("reason", ["held", "fetching back"])
def test_nothing_is_sent_while_sending_is_stopped(serve, reason):
    receiver = start_receiver(serve)
    give((ANNA, 1))
    with db.transaction() as session:
        if reason == "held":
            session.get_one(Site, 1).hold = "It was copied."
        else:
            fetch_back.begin(session, clock.now())
    receiver.deliver()
    assert receiver.messages == []


def test_a_copy_does_not_call_the_shop(serve):
    receiver = start_receiver(serve)
    state = get_runtime()
    with db.transaction() as session:
        session.get_one(Site, 1).hold = "It was copied."
        installation.confirm(session, state.vault, state.config, "copy", clock.now())
    give((ANNA, 1))
    receiver.deliver()
    assert receiver.messages == []
    assert receiver.row.last_error == "Left to the site that this one was copied from."


def test_a_private_address_is_called_only_if_it_is_allowed(serve, make_client, monkeypatch):
    receiver = start_receiver(serve)
    monkeypatch.setattr(get_runtime(), "client", make_client(allow_private=False))
    give((ANNA, 1))
    receiver.deliver()
    assert receiver.server.connections == 0
    assert "correct the webhook's URL, or set POINTSYNC_PRIVATE_REMOTES=on" in receiver.row.last_error


def test_a_secret_that_cannot_be_read_is_reported(serve, monkeypatch):
    receiver = start_receiver(serve)
    monkeypatch.setattr(get_runtime(), "vault", Vault("another key of this site"))
    give((ANNA, 1))
    receiver.deliver()
    assert "POINTSYNC_SECRET_KEY has changed" in receiver.row.last_error
    assert "POINTSYNC_SECRET_KEY has changed" in send.send_test(receiver.webhook_id)
    assert receiver.messages == []


def test_a_slow_endpoint_delays_no_other(serve, app):
    may_answer = threading.Event()

    def hang(server: ScriptedServer, connection) -> None:
        while server.read(connection):
            may_answer.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    slow = serve(hang)
    add_webhook(slow.url)
    receiver = start_receiver(serve)

    def has_sent(count: int) -> bool:
        webhook_ticks.send_webhooks()  # again and again, as the scheduler does: the call before may not have ended
        return len(receiver.messages) == count

    try:
        for count in (1, 2):
            give((ANNA, 1))
            wait_until(partial(has_sent, count), 10, "the other learns it")
        assert len(slow.requests) == 1
    finally:
        may_answer.set()
        wait_until(lambda: not get_runtime().job_threads, 10, "the call ends")
    webhook_ticks.send_webhooks()
    wait_until(lambda: len(slow.requests) == 2, 10, "one message about the rest")
    wait_until(lambda: not get_runtime().job_threads, 10, "the call ends")
    assert b'"balance":2' in slow.requests[1]


def test_the_list_has_bounds_and_no_doubles():
    vault, now = get_runtime().vault, clock.now()

    def add(url: str, shop: str | None = None) -> Webhook:
        with db.transaction() as session:
            return endpoints.add(session, vault, url, now, shop=shop)[0]

    for wrong in (
        "",
        "shop.example/x",
        "ftp://x.example",
        "https://a b.example",
        "https://x.example/#a",
        "https://u:p@x",
    ):
        with pytest.raises(InvalidInput) as found:
            add(wrong)
        assert list(found.value.fields) == ["url"]
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        add("https://x.example/?" + "x" * 500)
    first = add(" https://x.example/?rest_route=/points ")
    assert first.url == "https://x.example/?rest_route=/points"
    with pytest.raises(Conflict, match="this URL already"):
        add(first.url)
    mine = add(first.url, "web-shop")
    for number in range(endpoints.MAX_WEBHOOKS - 2):
        add(f"https://x{number}.example")
    with pytest.raises(Conflict, match="the most that it can have"):
        add("https://last.example")
    with db.transaction() as session, pytest.raises(NotFound):
        endpoints.remove(session, first.id, shop="web-shop")
    with db.transaction() as session:
        assert [each.webhook.id for each in endpoints.list_all(session, shop="web-shop")] == [mine.id]
        endpoints.remove(session, mine.id, shop="web-shop")
        assert session.scalar(select(Webhook.id).where(Webhook.id == mine.id)) is None

"""Many calls in parallel for one customer: the balance is the sum, and nothing is recorded twice."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.runtime import get_runtime
from pointsync.woocommerce import api_rule, hooks
from tests.api.api_clients import ApiClient, create_api_client, make_order, make_refund

ALICE = "alice@example.test"
CALLERS = 16


def run_concurrently(task: Callable[[int], None], count: int = CALLERS) -> None:
    """Run `task` in `count` threads that start at the same time. Raises the first exception of a thread."""
    start, errors = threading.Barrier(count), []

    def run(number: int) -> None:
        start.wait()
        try:
            task(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("seconds", [0.7, pytest.param(2.0, marks=pytest.mark.long)])
def test_the_balance_is_the_sum(app_on_each_database: Flask, seconds: float) -> None:
    shop, answers, recorded = create_api_client(app_on_each_database), Counter[int](), Counter[int]()

    def record(number: int) -> None:
        client, ends_at = ApiClient(app_on_each_database.test_client(), shop.key), monotonic() + seconds
        turn = 0
        while monotonic() < ends_at:
            turn += 1
            points = number * turn % 7 - 2 or 3
            status = client.record({"customer": ALICE, "points": points}).status_code
            answers[status] += 1
            recorded[number] += points if status == 201 else 0

    run_concurrently(record)
    assert set(answers) <= {201, 409}
    assert answers[201] > CALLERS
    assert shop.points(ALICE) == sum(recorded.values())


def test_a_ref_is_recorded_once(app_on_each_database: Flask) -> None:
    shop, answers = create_api_client(app_on_each_database), Counter[int]()

    def record(_: int) -> None:
        client = ApiClient(app_on_each_database.test_client(), shop.key)
        for turn in range(5):
            body = {"customer": f"new-{turn}@example.test", "points": 5, "ref": f"order-{turn}"}
            answers[client.record(body).status_code] += 1

    run_concurrently(record)
    assert answers == {201: 5, 200: 5 * (CALLERS - 1)}
    assert [shop.points(f"new-{turn}@example.test") for turn in range(5)] == [5] * 5


def test_a_set_among_others(app_on_each_database: Flask) -> None:
    shop = create_api_client(app_on_each_database)

    def record(number: int) -> None:
        client = ApiClient(app_on_each_database.test_client(), shop.key)
        for _ in range(5):
            assert (
                client.record({"customer": ALICE, **({"set": 100} if number % 2 else {"points": 1})}).status_code < 300
            )

    run_concurrently(record)
    last = shop.get(f"/customers/{ALICE}/movements?limit=1").json["movements"][0]
    assert shop.points(ALICE) == last["balance"]
    assert 100 <= last["balance"] <= 100 + CALLERS * 5


def test_an_order_reported_at_once_by_many_callers(app_on_each_database: Flask) -> None:
    shop, answers = create_api_client(app_on_each_database), Counter[str]()
    with app_on_each_database.app_context():
        options = {"key_shop": "web-shop", "reserve_key": "default", "now": clock.now()}
        db.run_in_transaction(lambda session: api_rule.add(session, get_runtime().vault, **options))
    seen: set[str] = set()

    def report(number: int) -> None:
        client = ApiClient(app_on_each_database.test_client(), shop.key)
        orders = [make_order(id=1 + (number + turn) % 4) for turn in range(4)]
        answer = client.report(*orders)
        answers.update(each["status"] for each in answer.json["results"])
        seen.add(answer.json["seen_at"])

    run_concurrently(report)
    assert answers == {"applied": 4, "unchanged": 4 * CALLERS - 4}
    assert len(seen) == CALLERS
    assert shop.points(ALICE) == 400
    refs = [each["ref"] for each in shop.get(f"/customers/{ALICE}/movements").json["movements"]]
    assert sorted(refs) == [f"order:{number}:1" for number in range(1, 5)]


def test_an_order_delivered_at_once_by_two_topics(app_on_each_database: Flask) -> None:
    with app_on_each_database.app_context():
        fields = {"name": "shop", "secret": "s", "reserve_key": "default", "rate": "1", "status": "completed"}
        hook = db.run_in_transaction(
            lambda session: hooks.add(session, get_runtime().vault, **fields, by_movements=False, now=clock.now())
        )
        path = hooks.delivery_url(hook, None)
    answers: Counter[str] = Counter()

    def deliver(number: int) -> None:
        refunds = [make_refund(20, "-25.00"), make_refund(21, "-30.30")][: number % 3]
        # Of the same second, so the one with the higher id of a refund is newer.
        raw = json.dumps(make_order(refunds=refunds, date_modified_gmt="2026-01-31T12:00:00")).encode()
        headers = {
            "X-WC-Webhook-Topic": ("order.created", "order.updated")[number % 2],
            "X-WC-Webhook-Source": "http://shop.test/",
            "X-WC-Webhook-Signature": base64.b64encode(crypto.sign_hmac("s", raw)).decode(),
        }
        answers[app_on_each_database.test_client().post(path, data=raw, headers=headers).json["outcome"]] += 1

    run_concurrently(deliver)
    assert set(answers) == {"recorded", "duplicate"}
    assert create_api_client(app_on_each_database).points(ALICE) == 44

"""Many at once on the same customer: the balance is the sum, and nothing is recorded twice."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic

from flask import Flask

from pointsync import clock, crypto, db
from pointsync.runtime import runtime
from pointsync.woocommerce import hooks
from tests.api.api_clients import Shop, an_order, refund, shop_of

ALICE = "alice@example.test"
SECONDS = 2.0
CALLERS = 16


def together(work: Callable[[int], None], count: int = CALLERS) -> None:
    """Run `work` in so many threads, begun at one moment; what one of them raises is raised here."""
    start, faults = threading.Barrier(count), []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def test_the_balance_is_the_sum(any_app: Flask) -> None:
    shop, answers, given = shop_of(any_app), Counter[int](), Counter[int]()

    def record(number: int) -> None:
        client, ends = Shop(any_app.test_client(), shop.key), monotonic() + SECONDS
        turn = 0
        while monotonic() < ends:
            turn += 1
            points = number * turn % 7 - 2 or 3
            status = client.record({"customer": ALICE, "points": points}).status_code
            answers[status] += 1
            given[number] += points if status == 201 else 0

    together(record)
    assert set(answers) <= {201, 409}
    assert answers[201] > CALLERS
    assert shop.points(ALICE) == sum(given.values())


def test_a_ref_is_recorded_once(any_app: Flask) -> None:
    shop, answers = shop_of(any_app), Counter[int]()

    def record(_: int) -> None:
        client = Shop(any_app.test_client(), shop.key)
        for turn in range(5):
            body = {"customer": f"new-{turn}@example.test", "points": 5, "ref": f"order-{turn}"}
            answers[client.record(body).status_code] += 1

    together(record)
    assert answers == {201: 5, 200: 5 * (CALLERS - 1)}
    assert [shop.points(f"new-{turn}@example.test") for turn in range(5)] == [5] * 5


def test_a_set_among_others(any_app: Flask) -> None:
    shop = shop_of(any_app)

    def record(number: int) -> None:
        client = Shop(any_app.test_client(), shop.key)
        for _ in range(5):
            assert (
                client.record({"customer": ALICE, **({"set": 100} if number % 2 else {"points": 1})}).status_code < 300
            )

    together(record)
    last = shop.get(f"/customers/{ALICE}/movements?limit=1").json["movements"][0]
    assert shop.points(ALICE) == last["balance"]
    assert 100 <= last["balance"] <= 100 + CALLERS * 5


def test_an_order_delivered_at_once_by_two_topics(any_app: Flask) -> None:
    with any_app.app_context():
        fields = {"name": "shop", "secret": "s", "reserve_key": "default", "rate": "1", "status": "completed"}
        hook = db.in_write(
            lambda session: hooks.add(session, runtime().vault, **fields, by_movements=False, now=clock.now())
        )
        path = hooks.url(hook, None)
    answers: Counter[str] = Counter()

    def deliver(number: int) -> None:
        refunds = [refund(20, "-25.00"), refund(21, "-30.30")][: number % 3]
        raw = json.dumps(an_order(refunds=refunds)).encode()
        headers = {
            "X-WC-Webhook-Topic": ("order.created", "order.updated")[number % 2],
            "X-WC-Webhook-Source": "http://shop.test/",
            "X-WC-Webhook-Signature": base64.b64encode(crypto.hmac_signature("s", raw)).decode(),
        }
        answers[any_app.test_client().post(path, data=raw, headers=headers).json["outcome"]] += 1

    together(deliver)
    assert set(answers) == {"recorded", "duplicate"}
    assert shop_of(any_app).points(ALICE) == 44

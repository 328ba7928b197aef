"""Orders that a shop reports by the API: what each is worth, what is refused, and how a restored site is noticed."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import shops
from pointsync.models import Hook, HookDelivery, Site
from pointsync.woocommerce import addresses, hooks, problems, receive
from tests.api.api_clients import ApiClient, HookClient, create_api_client, make_order, make_refund
from tests.api.hooks.test_captured_orders import list_cases, read_headers
from tests.support.moving_clock import MovingClock

ALICE = "alice@example.test"
AddRule = Callable[..., Hook]
AddHook = Callable[..., HookClient]


def run(app: Flask, operation: Callable[[Any], Any]) -> Any:
    with app.app_context():
        return db.run_in_transaction(operation)


def statuses(answer: Any) -> list[tuple[str, int]]:
    """The status and points of each result."""
    assert answer.status_code == 200, answer.text
    return [(each["status"], each["points"]) for each in answer.json["results"]]


def error_code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def test_each_order_has_its_own_result(add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    dated = {"id": 18, "date_modified_gmt": "2026-11-29T10:00:05"}
    bad = [None, [], {}, {"id": "x"}, {"id": 20}, make_order(id=21, total="ten"), make_order(id=22, billing=None)]
    answer = api_client.report(
        make_order(), *bad, make_order(**dated), make_order(status="on-hold", id=19), make_order(id=2**63)
    )
    assert statuses(answer) == [
        ("applied", 100),
        *[("not_counted", 0)] * len(bad),
        ("applied", 100),
        ("not_counted", 0),
        ("not_counted", 0),
    ]
    results = answer.json["results"]
    assert [each["id"] for each in results] == [17, None, None, None, None, 20, 21, 22, 18, 19, None]
    assert all(each["reason"] for each in results if each["status"] == "not_counted")
    assert "on-hold" in results[-2]["reason"]
    older = make_order(**dated | {"date_modified_gmt": "2026-11-29T10:00:04", "total": "5.00"})
    assert statuses(api_client.report(make_order(), older, make_order(total="30.00"))) == [
        ("unchanged", 100),
        ("older", 100),
        ("applied", 30),
    ]
    assert api_client.points(ALICE) == 130


def test_a_hundred_orders(add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    answer = api_client.report(*[make_order(id=number % 99 + 1) for number in range(100)])
    assert statuses(answer) == [("applied", 100)] * 99 + [("unchanged", 100)]
    assert [each["id"] for each in answer.json["results"]] == [*range(1, 100), 1]
    assert answer.json["seen_until"] is None
    asked = {"lineage": answer.json["lineage"], "seen_until": answer.json["seen_at"]}
    assert [api_client.get("/orders").json for _ in range(2)] == [asked, asked]
    assert api_client.report().json["seen_until"] == answer.json["seen_at"]


def test_refunds_and_deletion(add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    lines = [
        {"id": 1, "total": "80.00", "total_tax": "0.00"},
    ]
    order = {"total": "100.00", "line_items": lines, "shipping_lines": [{"id": 2, "total": "20.00"}]}
    meta = [{"key": "_refunded_item_id", "value": "2"}]
    shipping = {"id": 30, "amount": "20.00", "shipping_lines": [{"id": 9, "total": "-20.00", "meta_data": meta}]}
    assert statuses(api_client.report(make_order(**order))) == [("applied", 80)]
    assert statuses(api_client.report(make_order(**order, refunds=[shipping]))) == [("unchanged", 80)]
    assert statuses(api_client.report(make_order(**order, refunds=[make_refund(31, "-50.00")]))) == [("applied", 40)]
    assert statuses(api_client.report({"id": 17, "deleted": True})) == [("applied", 0)]
    assert api_client.points(ALICE) == 0


@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case.name.partition("-")[0])
def test_real_orders_are_worth_the_same(add_order_rule: AddRule, api_client: ApiClient, case: Any) -> None:
    add_order_rule(counts_all=True)
    expected = json.loads((case / "expect.json").read_text())
    bodies = sorted(case.glob("*.body"))
    source = read_headers(bodies[0].with_suffix(".headers.txt"))["X-WC-Webhook-Source"]
    for body in bodies:
        if b"webhook_id=" not in body.read_bytes():
            assert api_client.report(json.loads(body.read_bytes()), shop=source).status_code == 200
    points = 90 if case.name.startswith("B5b-") else expected["points"]
    assert api_client.points(expected["customer"]) == points


def test_without_a_rule_nothing_counts(app: Flask, add_order_rule: AddRule, api_client: ApiClient) -> None:
    answer = api_client.report(make_order())
    assert error_code(answer) == (409, "no_rule")
    assert "pointsync shop rule web-shop" in answer.json["error"]["message"]
    with pytest.raises(NotFound, match="No API key with the scope shop belongs to a shop 'web'"):
        add_order_rule("web")
    hook = add_order_rule()
    with pytest.raises(Conflict, match="reports its orders by the API already, and they count in default"):
        add_order_rule()
    assert statuses(api_client.report(make_order())) == [("applied", 100)]
    run(app, lambda session: hooks.remove(session, hook.name, clock.now()))
    assert error_code(api_client.report(make_order())) == (409, "no_rule")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"orders": []}, "shop"),
        ({"shop": " ", "orders": []}, "shop"),
        ({"shop": 5, "orders": []}, "shop"),
        ({"shop": "https://shop.test"}, "orders"),
        ({"shop": "https://shop.test", "orders": {}}, "orders"),
        ({"shop": "https://shop.test", "orders": [{}] * 101}, "orders"),
        ({"shop": "https://shop.test", "orders": [], "more": 1}, "more"),
    ],
)
def test_an_invalid_body(add_order_rule: AddRule, api_client: ApiClient, body: Any, field: str) -> None:
    add_order_rule()
    answer = api_client.post("/orders", body)
    assert error_code(answer) == (422, "invalid")
    assert list(answer.json["error"]["fields"]) == [field]


def test_orders_from_another_address_are_kept(app: Flask, add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    api_client.report(make_order())
    answer = api_client.report(make_order(id=18), make_order(id=19), {"id": 19, "deleted": True}, shop="www.shop.test")
    assert statuses(answer) == [("not_counted", 0)] * 3
    assert "It is kept. If both are the same shop, say so" in answer.json["results"][0]["reason"]
    run(app, lambda session: addresses.accept(session, "www.shop.test", clock.now()))
    while run(app, lambda session: receive.count_kept(session, clock.now())):
        pass
    assert api_client.points(ALICE) == 200
    assert statuses(api_client.report(make_order(id=18), shop="https://WWW.shop.test/")) == [("unchanged", 100)]


def test_nothing_is_counted_twice(
    app: Flask, add_order_rule: AddRule, add_hook: AddHook, api_client: ApiClient
) -> None:
    woo = add_hook("woo")
    woo.order()
    add_order_rule()
    answer = api_client.report(make_order(), make_order(id=18))
    assert error_code(answer) == (409, "counted_twice")
    assert "The hook woo already counts this shop in default" in answer.json["error"]["message"]
    assert api_client.points(ALICE) == 100
    run(app, lambda session: hooks.remove(session, "woo", clock.now()))
    assert statuses(api_client.report(make_order(), make_order(id=18))) == [("unchanged", 100), ("applied", 100)]
    assert add_hook("again").order(id=18)["outcome"] == "unused"
    with pytest.raises(Conflict, match="orders would count twice"):
        add_hook("plugin", by_movements=True)
    run(app, lambda session: shops.create(session, "other.test", clock.now()))
    assert error_code(api_client.report(make_order(id=20), shop="https://other.test")) == (409, "other_shop")
    assert api_client.points(ALICE) == 200


def test_two_shops_count_by_themselves(
    app: Flask, add_order_rule: AddRule, api_client: ApiClient, add_reserve: Callable[..., None]
) -> None:
    tea = create_api_client(app, "tea")
    add_order_rule(rate="1/2", base="total", status=["processing", "packed"])
    add_order_rule("tea", currencies={"EUR": "2"})
    assert statuses(api_client.report(make_order(status="packed"))) == [("applied", 50)]
    answer = tea.report(make_order(currency="EUR"), make_order(id=18, currency="SEK"), shop="tea.test")
    assert statuses(answer) == [("applied", 200), ("not_counted", 0)]
    assert "has no rate here" in answer.json["results"][1]["reason"]
    assert error_code(tea.report(make_order())) == (409, "other_shop")
    found = api_client.get("/site").json["hooks"]
    assert [(each["name"], each["shop"], each["key_shop"]) for each in found] == [
        ("tea", "tea.test", "tea"),
        ("web-shop", "http://shop.test/", "web-shop"),
    ]


def test_the_name_of_a_hook_is_no_obstacle(app: Flask, add_order_rule: AddRule, add_hook: AddHook) -> None:
    add_hook("web-shop", shop="http://old.test/")
    hook = add_order_rule()
    assert (hook.name, hooks.delivery_url(hook, "https://x.example")) == ("web-shop-api", "")
    with app.app_context():
        assert hooks.find(db.session(), hook.token) is None, "webhooks cannot deliver to it"


def test_nothing_is_taken_in_while_lost_movements_come_back(
    app: Flask, add_order_rule: AddRule, api_client: ApiClient
) -> None:
    add_order_rule()
    run(app, lambda session: fetch_back.begin(session, clock.now()))
    answer = api_client.report(make_order())
    assert error_code(answer) == (503, "fetching_back")
    assert int(answer.headers["Retry-After"]) > 0
    held = update(Site).values(is_fetching_back=False, has_open_fetch=False, hold="It was restored.")
    run(app, lambda session: session.execute(held))
    assert error_code(api_client.report(make_order())) == (503, "sending_stopped")
    run(app, lambda session: session.execute(update(Site).values(hold=None)))
    assert api_client.report().json["seen_until"] is None


def test_a_restored_site_is_noticed(
    app: Flask, add_order_rule: AddRule, api_client: ApiClient, moving_clock: MovingClock
) -> None:
    add_order_rule()
    own: dict[int, str] = {}

    def report(order_id: int) -> Any:
        answer = api_client.report(make_order(id=order_id)).json
        own[order_id] = answer["seen_at"]
        return answer

    first = report(1)
    moving_clock.advance(timedelta(hours=1))
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as backup:
        with app.app_context(), closing(db.get_engine().raw_connection()) as live:
            live.driver_connection.backup(backup)
        second = report(2)
        assert (first["seen_until"], second["seen_until"]) == (None, own[1])
        assert report(3)["seen_until"] == own[2]
        with app.app_context(), closing(db.get_engine().raw_connection()) as live:
            backup.backup(live.driver_connection)
    moving_clock.advance(timedelta(hours=1))
    known = max(own.values())
    answer = report(4)
    assert answer["seen_until"] < known, "behind what the shop's program has stored"
    again = [order_id for order_id, seen_at in own.items() if answer["seen_until"] < seen_at]
    assert again == [2, 3, 4]
    assert statuses(api_client.report(*[make_order(id=each) for each in again])) == [
        ("applied", 100),
        ("applied", 100),
        ("unchanged", 100),
    ]
    assert api_client.points(ALICE) == 400
    run(app, lambda session: session.execute(update(Site).values(restored_at=clock.now())))
    assert api_client.report().json["lineage"] != answer["lineage"] == first["lineage"]


def test_the_number_of_a_call_only_grows(
    app: Flask, add_order_rule: AddRule, api_client: ApiClient, moving_clock: MovingClock
) -> None:
    hook = add_order_rule()
    first = api_client.report().json["seen_at"]
    moving_clock.advance(timedelta(days=-300))
    second = api_client.report().json
    assert second["seen_until"] == first < second["seen_at"]
    run(app, lambda session: hooks.remove(session, hook.name, clock.now()))
    add_order_rule()
    assert api_client.report().json["seen_until"] == second["seen_at"], "a new rule for the shop goes on"


def test_admins_see_what_was_reported(app: Flask, add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    api_client.report(make_order(), make_order(), make_order(id=18, status="failed"))
    with app.app_context():
        rows = db.session.scalars(select(HookDelivery).order_by(HookDelivery.id)).all()
        assert [(each.topic, each.outcome) for each in rows] == [
            ("shop API", outcome) for outcome in ("recorded", "duplicate", "unused")
        ]


def test_orders_that_could_not_be_used_need_attention(
    app: Flask, add_order_rule: AddRule, api_client: ApiClient
) -> None:
    hook = add_order_rule()
    api_client.report(None, {}, make_order(total="ten"), make_order(id=18, status="failed"), {"code": "rest_x"})
    with app.app_context():
        [problem] = problems.list_problems(db.session(), 7, clock.now())
        assert (problem.code, problem.count, problem.hook) == ("unusable", 4, db.session.get(Hook, hook.id))
    run(app, lambda session: problems.dismiss(session, hook.id))
    with app.app_context():
        assert problems.list_problems(db.session(), 7, clock.now()) == []


def test_refs_of_orders_survive_a_rotation(app: Flask, add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    api_client.report(make_order())
    _, key = run(app, lambda session: api_keys.rotate(session, "web-shop", clock.now()))
    assert statuses(ApiClient(app.test_client(), key).report(make_order())) == [("unchanged", 100)]


def test_points_stay_where_they_are_when_the_shop_removes_personal_data(
    add_order_rule: AddRule, api_client: ApiClient
) -> None:
    add_order_rule()
    later = {"date_modified_gmt": "2027-11-29T10:00:05"}
    assert statuses(api_client.report(make_order())) == [("applied", 100)]
    nobody = {"billing": {"email": "Deleted@site.invalid"}, "customer_id": 0}
    assert statuses(api_client.report(make_order(**nobody, **later))) == [("unchanged", 100)]
    later = {"date_modified_gmt": "2027-11-30T10:00:05"}
    assert statuses(api_client.report(make_order(**nobody, **later, total="30.00"))) == [("applied", 30)]
    assert api_client.points(ALICE) == 30
    assert statuses(api_client.report(make_order(id=18, **nobody))) == [("not_counted", 0)]
    assert api_client.get("/customers/deleted@site.invalid").status_code == 404

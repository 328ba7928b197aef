"""The orders rule by hook: an order has given what it is worth now, whatever the shop delivers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.api_clients import ApiClient, HookClient, make_refund

ALICE, BOB = "alice@example.test", "bob@example.test"
AddHook = Callable[..., HookClient]
Outcomes = Callable[[], list[tuple[str, str]]]


@pytest.mark.parametrize(
    ("rate", "total", "points"),
    [
        *[("1", "100.00", 100), ("1", "99.99", 99), ("0.1", "19.90", 1), ("0.333333", "3.00", 0), ("10", "0.05", 0)],
        *[("2.5", "3.99", 9), ("1", "100", 100), ("1", "0.00", 0), ("100000", "0.29", 29000)],
        *[("1/3", "3.00", 1), ("1/3", "2.99", 0), ("1/25000", "100000", 4), ("1", 100, 100), ("2", 1.5, 3)],
    ],
)
def test_points_are_the_floor_of_the_goods_times_the_rate(
    add_hook: AddHook, api_client: ApiClient, rate: str, total: str, points: int
) -> None:
    outcome = add_hook(rate=rate).order(total=total)["outcome"]
    assert outcome == ("recorded" if points else "unused")
    assert api_client.points(ALICE) == points


@pytest.mark.parametrize(
    ("hook_status", "status", "counts"),
    [
        ("completed", "completed", True),
        ("completed", "processing", False),
        ("processing", "processing", True),
        ("processing", "completed", True),
        ("processing", "pending", False),
        ("completed", "refunded", False),
        ("completed", None, False),
        ("completed", ["completed"], False),
        (["completed", "wc-picked-up"], "picked-up", True),
        (["completed", "picked-up"], "checkout-draft", False),
        ("wc-ready-for-pick-up", "ready-for-pick-up", True),
    ],
)
def test_points_are_given_at_the_configured_status(
    add_hook: AddHook, api_client: ApiClient, hook_status: Any, status: Any, counts: bool
) -> None:
    assert add_hook(status=hook_status).order(status=status)["outcome"] == ("recorded" if counts else "unused")
    assert api_client.points(ALICE) == (100 if counts else 0)


def test_each_change_of_an_order_counts_and_each_repetition_does_not(
    add_hook: AddHook, api_client: ApiClient, hook_outcomes: Outcomes
) -> None:
    woo = add_hook(status="processing")
    for fields, points in [
        ({"status": "processing"}, 100),
        ({"status": "completed"}, 100),
        ({"status": "on-hold"}, 0),
        ({"status": "completed"}, 100),
        ({"total": "250.00"}, 250),
        ({"total": "50.00"}, 50),
        ({"status": "cancelled", "total": "50.00"}, 0),
        ({"status": "failed", "total": "50.00"}, 0),
    ]:
        for _ in range(2):
            woo.order(**fields)
            assert api_client.points(ALICE) == points
    assert [message for outcome, message in hook_outcomes() if outcome == "recorded"] == [
        "Order 17: 100 points.",
        "Order 17: 100 points taken back; 0 left. Order 17 is on-hold. It gives points while it is paid.",
        "Order 17: 100 points.",
        "Order 17: 150 points more; 250 now.",
        "Order 17: 200 points taken back; 50 left.",
        "Order 17: 50 points taken back; 0 left. Order 17 is cancelled. It gives points while it is paid.",
    ]


def test_the_messages_of_what_changes_nothing(add_hook: AddHook, hook_outcomes: Outcomes) -> None:
    woo = add_hook()
    woo.order(status="pending")
    woo.order(date_modified_gmt="2026-11-29T10:00:05")
    woo.order(date_modified_gmt="2026-11-29T10:00:05")
    woo.order(date_modified_gmt="2026-11-29T10:00:04", status="pending")
    assert hook_outcomes() == [
        ("unused", "Order 17 is pending. It gives points while it is completed."),
        ("recorded", "Order 17: 100 points."),
        ("duplicate", "Order 17: 100 points, as before. Nothing changed."),
        ("duplicate", "Order 17: a newer report was counted before, so nothing changed."),
    ]


def test_refunds_and_what_the_customer_reads(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    woo.order(refunds=[make_refund(20, "-33.33")])
    assert api_client.points(ALICE) == 66
    woo.order(refunds=[make_refund(21, "-66.67"), make_refund(20, "-33.33")])
    assert api_client.points(ALICE) == 0
    repeated = woo.order(refunds=[make_refund(20, "-33.33"), make_refund(21, "-66.67")])
    assert repeated["outcome"] == "duplicate"
    movements = api_client.get(f"/customers/{ALICE}/movements").json["movements"]
    assert [(each["kind"], each["points"], each["ref"], each["reason"]) for each in movements] == [
        ("refund", -66, "order:17:3", "Refund of order 17: one mug back"),
        ("refund", -34, "order:17:2", "Refund of order 17: one mug back"),
        ("earn", 100, "order:17:1", "Order 17"),
    ]


def test_a_deleted_refund(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    for refunds, points in [([], 100), ([make_refund(20, "-30.00")], 70), ([], 100), ([make_refund(21, "-30")], 70)]:
        woo.order(refunds=refunds)
        assert api_client.points(ALICE) == points


def test_another_billing_address_moves_the_points(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    moved = woo.order(billing={"email": BOB}, refunds=[make_refund(20, "-25.00")])
    assert "moved to another customer" in moved["message"]
    assert (api_client.points(ALICE), api_client.points(BOB)) == (0, 75)
    woo.order(billing={"email": ""}, refunds=[make_refund(20, "-25.00"), make_refund(21, "-25.00")])
    assert (api_client.points(ALICE), api_client.points(BOB)) == (0, 50)
    woo.order(status="cancelled", billing={"email": ALICE})
    assert (api_client.points(ALICE), api_client.points(BOB)) == (0, 0)


def test_what_is_taken_back_may_take_the_balance_below_zero(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    api_client.record({"customer": ALICE, "points": -90})
    assert woo.order(refunds=[make_refund(20, "-100.00")])["outcome"] == "recorded"
    assert api_client.points(ALICE) == -90


def test_a_refund_of_an_order_that_gave_no_points(add_hook: AddHook, api_client: ApiClient) -> None:
    assert add_hook().order(status="refunded", refunds=[make_refund(20, "-25.00")])["outcome"] == "unused"
    assert api_client.get(f"/customers/{ALICE}").status_code == 404


def test_a_deleted_order_that_is_restored(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    times = {"date_modified_gmt": "2026-11-29T10:00:05"}
    woo.order(**times)
    assert "deleted" in woo.deliver("order.deleted", {"id": 17})["message"]
    assert api_client.points(ALICE) == 0
    assert woo.order(**times)["outcome"] == "duplicate", "sent before the order was deleted"
    assert api_client.points(ALICE) == 0
    body = {"id": 17, "status": "completed", "total": "80.00", "line_items": [{"total": "80.00"}]}
    woo.deliver("order.restored", body | {"billing": {"email": ALICE}} | times)
    assert api_client.points(ALICE) == 80
    woo.deliver("order.deleted", {"id": 17})
    woo.order(date_modified_gmt="2026-11-29T10:00:06")
    assert api_client.points(ALICE) == 100


def test_a_currency_without_a_rate_does_not_count(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order(currency="EUR")
    answer = woo.order(id=18, currency="JPY", total="10000")
    assert answer == {
        "outcome": "unused",
        "message": "Order 18 is in JPY, which has no rate here, so it does not count.",
    }
    woo.order(id=19, currency="eur", total="5.00")
    assert api_client.points(ALICE) == 105


def test_rates_by_currency(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(rate=None, currencies={"EUR": "1", "jpy": "1/160", "KWD": "3"})
    woo.order(id=1, currency="JPY", total="10000")
    woo.order(id=2, currency="KWD", total="1.334")
    woo.order(id=3, currency="USD")
    assert api_client.points(ALICE) == 62 + 4


def test_an_old_order_that_is_touched(add_hook: AddHook, api_client: ApiClient) -> None:
    woo, old = add_hook(), {"date_created_gmt": "2020-05-01T10:00:00"}
    assert "from before" in woo.order(**old)["message"]
    assert api_client.points(ALICE) == 0


def test_an_old_order_counts_if_all_do(add_hook: AddHook, api_client: ApiClient) -> None:
    add_hook(counts_all=True).order(date_created_gmt="2020-05-01T10:00:00")
    assert api_client.points(ALICE) == 100


def test_an_order_with_a_parent_does_not_count(add_hook: AddHook, api_client: ApiClient) -> None:
    assert add_hook().order(parent_id=16)["outcome"] == "unused"
    assert api_client.points(ALICE) == 0


def test_an_id_that_the_shop_uses_again(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order(order_key="wc_order_a")
    woo.order(order_key="wc_order_b", total="30.00", billing={"email": BOB})
    assert (api_client.points(ALICE), api_client.points(BOB)) == (100, 30)
    woo.order(order_key="wc_order_b", total="30.00", billing={"email": BOB}, status="cancelled")
    assert (api_client.points(ALICE), api_client.points(BOB)) == (100, 0)
    [movement, _] = api_client.get(f"/customers/{BOB}/movements").json["movements"]
    assert movement["ref"] == "order:17:3", "numbers go on"


@pytest.mark.parametrize(
    "fields",
    [
        {"billing": {}},
        {"billing": None},
        {"billing": {"email": ""}},
        {"billing": {"email": "alice"}},
        {"billing": {"email": 5}},
        {"billing": {"email": "a\0b@example.test"}},
        *({"total": total} for total in ("NaN", "Infinity", "-1.00", "1e9", "1,00", "", " 1", "0x10", "١", None)),
        *({"total": total} for total in ("9" * 5000, "1" * 13, "1." + "0" * 9, [], True, "999999999999.99", 1e300)),
        *({"id": order_id} for order_id in (0, -1, None, "x", True, 1.5, 2**70, [])),
        *({"refunds": refunds} for refunds in ("x", {"a": 1}, [5], [{}], [None], [{"id": 1, "total": "5.00"}])),
        {"refunds": [{"id": 1, "total": "NaN"}]},
        {"refunds": [{"id": None, "total": "-5.00"}]},
        {"refunds": [{"id": 1, "total": "-5.00"}] * 501},
        *({"line_items": lines} for lines in (None, "x", {}, [5], [{"total": "x"}], [{"total": "1", "total_tax": []}])),
        {"fee_lines": "x"},
        {"shipping_lines": [None]},
    ],
)
def test_an_invalid_order_is_ignored(
    add_hook: AddHook, api_client: ApiClient, hook_outcomes: Outcomes, fields: dict[str, Any]
) -> None:
    assert add_hook().order(**fields)["outcome"] == "unused"
    [(_, message)] = hook_outcomes()
    assert 10 < len(message) < 400
    assert api_client.get(f"/customers/{ALICE}").status_code == 404


def test_an_inactive_reserve(add_hook: AddHook, add_reserve: Callable[..., None]) -> None:
    add_reserve("old", is_active=False)
    answer = add_hook(reserve="old").order()
    assert answer["outcome"] == "unused"
    assert "not active" in answer["message"]

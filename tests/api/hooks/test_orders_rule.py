"""The orders rule: an order gives points once, and each refund takes its share back once."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.woocommerce.orders import compute_points, compute_refunds
from tests.api.api_clients import ApiClient, HookClient, make_refund

ALICE = "alice@example.test"
AddHook = Callable[..., HookClient]


@pytest.mark.parametrize(
    ("rate", "total", "points"),
    [
        *[("1", "100.00", 100), ("1", "99.99", 99), ("0.1", "19.90", 1), ("0.333333", "3.00", 0), ("10", "0.05", 0)],
        *[("2.5", "3.99", 9), ("1", "100", 100), ("1", "0.00", 0), ("100000", "0.29", 29000)],
    ],
)
def test_points_are_the_floor_of_total_times_rate(
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
    ],
)
def test_points_are_given_at_the_configured_status(
    add_hook: AddHook, api_client: ApiClient, hook_status: str, status: Any, counts: bool
) -> None:
    assert add_hook(status=hook_status).order(status=status)["outcome"] == ("recorded" if counts else "unused")
    assert api_client.points(ALICE) == (100 if counts else 0)


def test_a_changed_order_still_counts_once(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(status="processing")
    assert woo.order(status="processing")["outcome"] == "recorded"
    for status in ("completed", "processing", "on-hold", "completed"):
        assert woo.order(status=status)["outcome"] == "duplicate"
    assert woo.order(total="250.00")["outcome"] == "duplicate"
    assert api_client.points(ALICE) == 100


def test_refunds_count_at_any_status(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    woo.order(status="refunded", refunds=[make_refund(20, "-33.33")])
    assert api_client.points(ALICE) == 66
    woo.order(status="refunded", refunds=[make_refund(21, "-66.67"), make_refund(20, "-33.33")])
    assert api_client.points(ALICE) == 0
    assert (
        woo.order(status="refunded", refunds=[make_refund(20, "-33.33"), make_refund(21, "-66.67")])["outcome"]
        == "duplicate"
    )


def test_a_refund_is_taken_from_the_customer_who_got_the_points(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    woo.order(billing={"email": "bob@example.test"}, refunds=[make_refund(20, "-25.00")])
    woo.order(billing={"email": ""}, refunds=[make_refund(20, "-25.00"), make_refund(21, "-25.00")])
    assert (api_client.points(ALICE), api_client.points("bob@example.test")) == (50, 0)


def test_a_refund_may_take_the_balance_below_zero(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    api_client.record({"customer": ALICE, "points": -90})
    assert woo.order(refunds=[make_refund(20, "-100.00")])["outcome"] == "recorded"
    assert api_client.points(ALICE) == -90


def test_a_refund_of_less_than_a_point(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(rate="0.5")
    woo.order(total="100.90")
    small, large = make_refund(20, "-0.40"), make_refund(21, "-10.00")
    assert woo.order(total="100.90", refunds=[small])["outcome"] == "duplicate"
    assert woo.order(total="100.90", refunds=[small, large])["outcome"] == "recorded"
    for _ in range(2):
        assert woo.order(total="100.90", refunds=[small, large])["outcome"] == "duplicate"
    assert api_client.points(ALICE) == 45


def test_a_refund_of_an_order_that_gave_no_points(add_hook: AddHook, api_client: ApiClient) -> None:
    assert add_hook().order(status="refunded", refunds=[make_refund(20, "-25.00")])["outcome"] == "unused"
    assert api_client.get(f"/customers/{ALICE}").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"billing": {}},
        {"billing": None},
        {"billing": {"email": ""}},
        {"billing": {"email": "alice"}},
        {"billing": {"email": 5}},
        {"billing": {"email": "a\0@example.test"}},
        *({"total": total} for total in ("NaN", "Infinity", "-1.00", "1e9", "1,00", "", " 1", "0x10", "١", None, 1.5)),
        *({"total": total} for total in ("9" * 5000, "1" * 13, "1." + "0" * 9, [], True, "999999999999.99")),
        *({"id": order_id} for order_id in (0, -1, None, "x", True, 1.5, 2**70, [])),
        *({"refunds": refunds} for refunds in ("x", {"a": 1}, [5], [{}], [None], [{"id": 1, "total": "5.00"}])),
        {"refunds": [{"id": 1, "total": "NaN"}]},
        {"refunds": [{"id": None, "total": "-5.00"}]},
        {"refunds": [{"id": 1, "total": "-5.00"}] * 501},
    ],
)
def test_an_invalid_order_is_ignored(
    add_hook: AddHook, api_client: ApiClient, hook_outcomes: Callable[[], list[tuple[str, str]]], fields: dict[str, Any]
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


money = st.integers(0, 10**7).map(lambda cents: Decimal(cents) / 100)
rates = st.integers(1, 10**8).map(lambda millionths: Decimal(millionths) / 10**6)


@given(total=money, rate=rates, parts=st.lists(st.integers(0, 10**6), max_size=8), cut=st.integers(0, 8))
def test_after_each_refund_the_points_match_the_remaining_total(
    total: Decimal, rate: Decimal, parts: list[int], cut: int
) -> None:
    refunds: dict[int, Decimal] = {}
    for refund_id, part in enumerate(parts):
        refunds[refund_id] = min(Decimal(part) / 100, total - sum(refunds.values()))
    points = compute_points(total, rate)

    early = dict(list(refunds.items())[:cut])
    recorded = compute_refunds(total, rate, points, early, {})
    assert points + sum(recorded.values()) == compute_points(total - sum(early.values()), rate)
    recorded |= compute_refunds(total, rate, points, refunds, recorded)
    assert points + sum(recorded.values()) == compute_points(total - sum(refunds.values()), rate)

    assert all(change < 0 for change in recorded.values())
    assert compute_refunds(total, rate, points, refunds, recorded) == {}
    assert recorded == compute_refunds(total, rate, points, refunds, {})


@given(total=money, rate=rates, points=st.integers(0, 10**9), parts=st.lists(money, max_size=5))
def test_refunds_never_add_points_and_never_take_more_than_was_given(
    total: Decimal, rate: Decimal, points: int, parts: list[Decimal]
) -> None:
    changes = compute_refunds(total, rate, points, dict(enumerate(parts)), {})
    assert all(change < 0 for change in changes.values())
    assert points + sum(changes.values()) >= 0

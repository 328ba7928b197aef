"""The rule by movements: what the shop's own points plugin passes on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.api_clients import Shop, Woo, a_movement

ALICE = "alice@example.test"
AddHook = Callable[..., Woo]


@pytest.fixture
def woo(add_hook: AddHook) -> Woo:
    return add_hook(by_movements=True)


def last(shop: Shop) -> dict[str, Any]:
    """Alice's newest movement."""
    return dict(shop.get(f"/customers/{ALICE}/movements").json["movements"][0])


@pytest.mark.parametrize(
    ("fields", "kind", "points"),
    [
        ({"moved": 11}, "manual", 11),
        ({"moved": -4}, "manual", -4),
        ({"moved": 11, "order_id": 17}, "earn", 11),
        ({"moved": -4, "order_id": 17}, "spend", -4),
        ({"moved": "11"}, "manual", 11),
        ({"moved": None, "total": 26}, "manual", 26),
        ({"moved": None, "total": 26, "order_id": 17}, "manual", 26),
        ({"moved": None, "total": -5}, "manual", -5),
    ],
)
def test_kinds_and_points(woo: Woo, shop: Shop, fields: dict[str, Any], kind: str, points: int) -> None:
    assert woo.movement(**fields)["outcome"] == "recorded"
    assert (last(shop)["kind"], last(shop)["points"]) == (kind, points)


def test_what_the_shop_told_is_kept(woo: Woo, shop: Shop) -> None:
    woo.movement(reason="Birthday", date="2026-01-22 19:04:44")
    movement = last(shop)
    assert (movement["ref"], movement["reason"], movement["at"]) == ("movement:11", "Birthday", "2026-01-22T19:04:44Z")


@pytest.mark.parametrize(
    "date", ["2999-01-01 00:00:00", "yesterday", None, 5, "", "2026-02-30 00:00:00", "0000-00-00 00:00:00"]
)
def test_a_date_that_cannot_be_is_now(woo: Woo, shop: Shop, date: Any) -> None:
    assert woo.movement(date=date)["outcome"] == "recorded"
    assert last(shop)["at"] == last(shop)["recorded_at"]


def test_the_same_again(woo: Woo, shop: Shop) -> None:
    woo.movement()
    assert woo.movement()["outcome"] == "duplicate"
    assert woo.movement(reason="another word")["outcome"] == "duplicate"
    assert shop.points(ALICE) == 11


def test_the_same_id_with_other_content(woo: Woo, shop: Shop) -> None:
    woo.movement()
    answer = woo.movement(moved=12)
    assert answer["outcome"] == "unused"
    assert "other content" in answer["message"] or "another content" in answer["message"]
    assert shop.points(ALICE) == 11


def test_a_set_that_comes_again_does_not_set_back(woo: Woo, shop: Shop) -> None:
    woo.movement(moved=None, total=50)
    woo.movement(movement_id=12, moved=5)
    assert woo.movement(moved=None, total=50)["outcome"] == "duplicate"
    assert shop.points(ALICE) == 55


def test_a_set_without_effect(woo: Woo, shop: Shop) -> None:
    woo.movement(moved=None, total=50)
    assert woo.movement(movement_id=12, moved=None, total=50)["outcome"] == "unused"
    assert shop.points(ALICE) == 50


def test_the_stack_is_learned(woo: Woo, shop: Shop) -> None:
    woo.movement(stack="gold")
    answer = woo.movement(movement_id=12, stack="silver")
    assert answer["outcome"] == "unused"
    assert "gold" in answer["message"]
    assert woo.movement(movement_id=13, stack="gold")["outcome"] == "recorded"
    assert shop.points(ALICE) == 22


def test_the_stack_is_not_learned_from_what_is_refused(woo: Woo) -> None:
    assert woo.movement(stack="silver", moved=3_000_000_000)["outcome"] == "unused"
    assert woo.movement(stack="gold")["outcome"] == "recorded"


def test_a_spend_below_zero_has_happened(woo: Woo, shop: Shop) -> None:
    assert woo.movement(moved=-50, order_id=17)["outcome"] == "recorded"
    assert shop.points(ALICE) == -50


@pytest.mark.parametrize(
    "fields",
    [
        *({"email": email} for email in ("", None, "alice", 5, "a\0@example.test", "a" * 9000)),
        *({"moved": moved} for moved in (0, 1.5, True, "x", "1e3", "", [], 2**70, 3_000_000_000, "9" * 900)),
        *({"moved": None, "total": total} for total in (None, "x", 1.5, 3_000_000_000)),
        *({"movement_id": movement_id} for movement_id in (0, -1, None, "x", True, 1.5, {})),
        *({"stack": stack} for stack in ("", None, 5, "\0")),
    ],
)
def test_a_movement_that_cannot_be_used(woo: Woo, shop: Shop, fields: dict[str, Any]) -> None:
    answer = woo.movement(**fields)
    assert answer["outcome"] == "unused"
    assert 10 < len(answer["message"]) < 400
    assert shop.get(f"/customers/{ALICE}").status_code == 404


@pytest.mark.parametrize("body", [{"action": "x"}, {"arg": 17}, {"arg": [a_movement()]}, {"arg": None}])
def test_a_delivery_without_a_movement(woo: Woo, body: dict[str, Any]) -> None:
    assert woo.deliver("action.woocommerce_pointsync_movement", body)["outcome"] == "unused"


def test_a_long_reason_is_cut(woo: Woo, shop: Shop) -> None:
    assert woo.movement(reason="a\tb" * 900)["outcome"] == "recorded"
    assert last(shop)["reason"].startswith("a ba b")
    assert 490 < len(last(shop)["reason"]) <= 500

"""The movements rule: each movement of the shop's own points plugin is recorded once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.api_clients import ApiClient, HookClient, make_movement

ALICE = "alice@example.test"
AddHook = Callable[..., HookClient]


@pytest.fixture
def woo(add_hook: AddHook) -> HookClient:
    return add_hook(by_movements=True)


def newest_movement(api_client: ApiClient) -> dict[str, Any]:
    """Get Alice's newest movement."""
    return dict(api_client.get(f"/customers/{ALICE}/movements").json["movements"][0])


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
def test_kinds_and_points(
    woo: HookClient, api_client: ApiClient, fields: dict[str, Any], kind: str, points: int
) -> None:
    assert woo.movement(**fields)["outcome"] == "recorded"
    assert (newest_movement(api_client)["kind"], newest_movement(api_client)["points"]) == (kind, points)


def test_reason_and_date_of_the_shop_are_kept(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement(reason="Birthday", date="2026-01-22 19:04:44")
    movement = newest_movement(api_client)
    assert (movement["ref"], movement["reason"], movement["at"]) == ("movement:11", "Birthday", "2026-01-22T19:04:44Z")


@pytest.mark.parametrize(
    "date", ["2999-01-01 00:00:00", "yesterday", None, 5, "", "2026-02-30 00:00:00", "0000-00-00 00:00:00"]
)
def test_an_invalid_date_is_replaced_by_now(woo: HookClient, api_client: ApiClient, date: Any) -> None:
    assert woo.movement(date=date)["outcome"] == "recorded"
    assert newest_movement(api_client)["at"] == newest_movement(api_client)["recorded_at"]


def test_the_same_movement_again(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement()
    assert woo.movement()["outcome"] == "duplicate"
    assert woo.movement(reason="another word")["outcome"] == "duplicate"
    assert api_client.points(ALICE) == 11


def test_the_same_id_with_different_content(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement()
    answer = woo.movement(moved=12)
    assert answer["outcome"] == "unused"
    assert "other content" in answer["message"]
    assert api_client.points(ALICE) == 11


def test_a_repeated_set_changes_nothing(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement(moved=None, total=50)
    woo.movement(movement_id=12, moved=5)
    assert woo.movement(moved=None, total=50)["outcome"] == "duplicate"
    assert api_client.points(ALICE) == 55


def test_a_set_without_effect(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement(moved=None, total=50)
    assert woo.movement(movement_id=12, moved=None, total=50)["outcome"] == "unused"
    assert api_client.points(ALICE) == 50


def test_a_hook_accepts_one_stack_only(woo: HookClient, api_client: ApiClient) -> None:
    woo.movement(stack="gold")
    answer = woo.movement(movement_id=12, stack="silver")
    assert answer["outcome"] == "unused"
    assert "gold" in answer["message"]
    assert woo.movement(movement_id=13, stack="gold")["outcome"] == "recorded"
    assert api_client.points(ALICE) == 22


def test_a_refused_movement_does_not_set_the_stack(woo: HookClient) -> None:
    assert woo.movement(stack="silver", moved=3_000_000_000)["outcome"] == "unused"
    assert woo.movement(stack="gold")["outcome"] == "recorded"


def test_a_spend_below_zero_is_recorded(woo: HookClient, api_client: ApiClient) -> None:
    assert woo.movement(moved=-50, order_id=17)["outcome"] == "recorded"
    assert api_client.points(ALICE) == -50


@pytest.mark.parametrize(
    "fields",
    [
        *({"email": email} for email in ("", None, "alice", 5, "a\0@example.test", "a" * 9000)),
        *({"moved": moved} for moved in (0, 1.5, True, "x", "1.5", "", [], 2**70, 3_000_000_000, "9" * 900)),
        *({"moved": None, "total": total} for total in (None, "x", 1.5, 3_000_000_000)),
        *({"movement_id": movement_id} for movement_id in (0, -1, None, "x", True, 1.5, {})),
        *({"stack": stack} for stack in ("", None, 5, "\0")),
    ],
)
def test_an_invalid_movement_is_ignored(woo: HookClient, api_client: ApiClient, fields: dict[str, Any]) -> None:
    answer = woo.movement(**fields)
    assert answer["outcome"] == "unused"
    assert 10 < len(answer["message"]) < 400
    assert api_client.get(f"/customers/{ALICE}").status_code == 404


@pytest.mark.parametrize("body", [{"action": "x"}, {"arg": 17}, {"arg": [make_movement()]}, {"arg": None}])
def test_a_delivery_without_a_movement_is_ignored(woo: HookClient, body: dict[str, Any]) -> None:
    assert woo.deliver("action.woocommerce_pointsync_movement", body)["outcome"] == "unused"


def test_a_long_reason_is_cut(woo: HookClient, api_client: ApiClient) -> None:
    assert woo.movement(reason="a\tb" * 900)["outcome"] == "recorded"
    assert newest_movement(api_client)["reason"].startswith("a ba b")
    assert 490 < len(newest_movement(api_client)["reason"]) <= 500

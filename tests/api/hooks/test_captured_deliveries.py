"""What WooCommerce 10.9.1 really sends, byte for byte."""

from collections.abc import Callable
from pathlib import Path

from werkzeug.test import TestResponse

from tests.api.api_clients import Shop, Woo

CAPTURES = Path(__file__).parents[2] / "data" / "woocommerce"
ALICE = "alice@example.test"
AddHook = Callable[..., Woo]


def replay(woo: Woo, name: str) -> TestResponse:
    """Send a captured delivery to the hook, its headers and body as they came."""
    lines = (CAPTURES / f"{name}.headers.txt").read_bytes().decode("latin-1").splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    for name_of_hop in ("Host", "Connection", "Content-Length"):
        headers.pop(name_of_hop)
    return woo.app.test_client().post(woo.path, data=(CAPTURES / f"{name}.body").read_bytes(), headers=headers)


def test_the_order_and_its_refund_once(add_hook: AddHook, shop: Shop) -> None:
    woo = add_hook()
    assert replay(woo, "001-ping").status_code == 200
    assert replay(woo, "009-order.created").json["outcome"] == "recorded"
    assert replay(woo, "010-order.updated").json["outcome"] == "duplicate"
    assert replay(woo, "009-order.created").json["outcome"] == "duplicate"
    movements = shop.get(f"/customers/{ALICE}/movements").json["movements"]
    told = [(each["kind"], each["points"], each["ref"], each["reason"]) for each in movements]
    assert told == [
        ("refund", -25, "order:17:refund:20", "Refund of order 17: one mug back"),
        ("earn", 100, "order:17", "Order 17"),
    ]


def test_the_movements_once(add_hook: AddHook, shop: Shop) -> None:
    woo = add_hook(by_movements=True)
    for name in ("019-action.woocommerce_pointsync_movement", "021-action.woocommerce_pointsync_movement"):
        assert replay(woo, name).json["outcome"] == "recorded"
        assert replay(woo, name).json["outcome"] == "duplicate"
    movements = shop.get(f"/customers/{ALICE}/movements").json["movements"]
    assert [(each["kind"], each["points"], each["ref"]) for each in movements] == [
        ("manual", -4, "movement:12"),
        ("manual", 11, "movement:11"),
    ]
    assert {each["reason"] for each in movements} == {"Commercial operation"}


def test_every_capture_is_accepted_by_either_hook(
    add_hook: AddHook, add_reserve: Callable[..., None], outcomes: Callable[[], list[tuple[str, str]]]
) -> None:
    add_reserve("gold")
    names = sorted(path.name.removesuffix(".body") for path in CAPTURES.glob("*.body"))
    assert len(names) == 7
    for woo in (add_hook("orders"), add_hook("movements", by_movements=True, reserve="gold")):
        assert {replay(woo, name).status_code for name in names} == {200}
    assert [outcome for outcome, _ in outcomes()].count("unused") == 4 + 4

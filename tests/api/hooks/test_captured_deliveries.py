"""Deliveries captured from WooCommerce 10.9.1, replayed byte for byte."""

from collections.abc import Callable

from werkzeug.test import TestResponse

from tests.api.api_clients import ApiClient, HookClient
from tests.support.paths import DATA

CAPTURES = DATA / "woocommerce"
ALICE = "alice@example.test"
AddHook = Callable[..., HookClient]


def replay(woo: HookClient, name: str) -> TestResponse:
    """Send a captured delivery to the hook, with its original headers and body."""
    lines = (CAPTURES / f"{name}.headers.txt").read_bytes().decode("latin-1").splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    for hop_header in ("Host", "Connection", "Content-Length"):
        headers.pop(hop_header)
    return woo.app.test_client().post(woo.path, data=(CAPTURES / f"{name}.body").read_bytes(), headers=headers)


def test_an_order_and_its_refund_count_once(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(counts_all=True)
    assert replay(woo, "001-ping").status_code == 200
    assert replay(woo, "009-order.created").json["outcome"] == "recorded"
    assert replay(woo, "010-order.updated").json["outcome"] == "duplicate"
    assert replay(woo, "009-order.created").json["outcome"] == "duplicate"
    movements = api_client.get(f"/customers/{ALICE}/movements").json["movements"]
    recorded = [(each["kind"], each["points"], each["ref"], each["reason"]) for each in movements]
    assert recorded == [
        ("earn", 75, "order:17:1", "Order 17"),
    ]


def test_movements_count_once(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook(by_movements=True)
    for name in ("019-action.woocommerce_pointsync_movement", "021-action.woocommerce_pointsync_movement"):
        assert replay(woo, name).json["outcome"] == "recorded"
        assert replay(woo, name).json["outcome"] == "duplicate"
    movements = api_client.get(f"/customers/{ALICE}/movements").json["movements"]
    assert [(each["kind"], each["points"], each["ref"]) for each in movements] == [
        ("manual", -4, "movement:12"),
        ("manual", 11, "movement:11"),
    ]
    assert {each["reason"] for each in movements} == {"Commercial operation"}


def test_every_capture_is_accepted_by_either_hook(
    add_hook: AddHook, add_reserve: Callable[..., None], hook_outcomes: Callable[[], list[tuple[str, str]]]
) -> None:
    add_reserve("gold")
    names = sorted(path.name.removesuffix(".body") for path in CAPTURES.glob("*.body"))
    assert len(names) == 7
    for woo in (add_hook("orders", counts_all=True), add_hook("movements", by_movements=True, reserve="gold")):
        assert {replay(woo, name).status_code for name in names} == {200}
    assert [outcome for outcome, _ in hook_outcomes()].count("unused") == 3 + 4

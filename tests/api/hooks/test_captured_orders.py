"""Orders captured from real WooCommerce shops, replayed byte for byte: each is worth what its folder says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.api_clients import ApiClient, HookClient
from tests.support.paths import DATA

CASES = DATA / "woocommerce" / "orders"
BY_DELIVERY_ALONE = {"B5b refund of shipping only (goods kept)": 90}
"""A delivery does not say which lines a refund took back, so the refund counts in proportion."""
SHIPPING_REFUNDED = {"id": 21, "total": "-10.00", "shipping_lines": [{"id": 9, "total": "-10.00"}]}
AddHook = Callable[..., HookClient]


def list_cases() -> list[Path]:
    return sorted(CASES.iterdir())


def read_headers(path: Path) -> dict[str, str]:
    lines = path.read_bytes().decode("latin-1").splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    return {name: value for name, value in headers.items() if name not in ("Host", "Connection", "Content-Length")}


def replay(woo: HookClient, case: Path, names: list[str]) -> None:
    """Send deliveries of a case, with their original headers and bodies."""
    for name in names:
        headers = read_headers(case / f"{name}.headers.txt")
        answer = woo.app.test_client().post(woo.path, data=(case / f"{name}.body").read_bytes(), headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("order", ["as sent", "each twice", "newest first", "newest only"])
@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case.name.partition("-")[0])
def test_an_order_is_worth_what_it_should_be(add_hook: AddHook, api_client: ApiClient, case: Path, order: str) -> None:
    expected = json.loads((case / "expect.json").read_text())
    woo = add_hook(secret=expected["secret"], counts_all=True)
    names = sorted(path.name.removesuffix(".body") for path in case.glob("*.body"))
    sequences = {
        "as sent": names,
        "each twice": [name for name in names for _ in range(2)],
        "newest first": [*reversed(names), names[-1]],
        "newest only": names[-1:],
    }
    replay(woo, case, sequences[order])
    points = BY_DELIVERY_ALONE.get(expected["case"], expected["points"])
    assert api_client.points(expected["customer"]) == points


def test_with_the_lines_of_its_refund_goods_keep_their_points(add_hook: AddHook, api_client: ApiClient) -> None:
    [case] = [each for each in list_cases() if each.name.startswith("B5b-")]
    expected = json.loads((case / "expect.json").read_text())
    woo = add_hook(secret=expected["secret"], counts_all=True)
    woo.secret = expected["secret"]
    replay(woo, case, ["01", "02", "03"])
    order = json.loads((case / "03.body").read_text()) | {"refunds": [SHIPPING_REFUNDED]}
    source = read_headers(case / "03.headers.txt")["X-WC-Webhook-Source"]
    woo.deliver("order.updated", order, X_WC_Webhook_Source=source)
    assert api_client.points(expected["customer"]) == 100

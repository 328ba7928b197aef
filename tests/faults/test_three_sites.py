"""Three real sites: a movement recorded on one is applied once on each of the others."""

import base64
import hashlib
import hmac
import json

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.paths import DATA
from tests.support.process import call, wait_until

CAPTURES = DATA / "woocommerce"
SECONDS = 10


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory):
    with family(tmp_path_factory.mktemp("family"), "a", "b", "c") as members:
        yield members


def _wait_for_balance(members: list[Member], email: str, points: int) -> None:
    for member in members:
        wait_until(lambda m=member: m.points(email) == points, SECONDS, f"{email} has {points} on {member.name}")


def _assert_recorded_once(members: list[Member], email: str, origin: Member, reason: str, points: int) -> None:
    """Every site has the movement exactly once, as its origin recorded it."""
    for member in members:
        rows = [(each["origin"], each["reason"], each["points"]) for each in member.history(email)]
        assert rows.count((origin.auth, reason, points)) == 1, (member.name, rows)


def test_a_movement_by_the_api(shops):
    a, b, c = shops
    a.record("api@shop.example", 70, reason="Order 1, “ü”")
    _wait_for_balance([b, c], "api@shop.example", 70)
    _assert_recorded_once([a, b, c], "api@shop.example", a, "Order 1, “ü”", 70)


def test_a_movement_by_the_command(shops):
    a, b, c = shops
    a.site.cli("record", "command@shop.example", "40", "--reason", "Correction")
    _wait_for_balance([b, c], "command@shop.example", 40)
    _assert_recorded_once([a, b, c], "command@shop.example", a, "Correction", 40)


def test_a_movement_by_a_woocommerce_order_and_its_refund(shops):
    a, b, c = shops
    hook = a.site.cli("hook", "add", "orders", "--secret", "probe-secret", "--reserve", "default", "--rate", "1")
    order = json.loads((CAPTURES / "009-order.created.body").read_bytes())
    del order["date_created_gmt"]  # it is from before the hook, so it would not count
    body = json.dumps(order).encode()
    signature = base64.b64encode(hmac.new(b"probe-secret", body, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "http://127.0.0.1:8801/",
        "X-WC-Webhook-Topic": "order.created",
        "X-WC-Webhook-Signature": signature,
    }
    for _ in range(3):
        assert call("POST", hook["url"], body, headers).status == 200
    _wait_for_balance([a, b, c], "alice@example.test", 75)
    for member in shops:
        assert [each["points"] for each in member.history("alice@example.test")] == [75], member.name


def test_points_spent_on_another_site_come_back_without_an_echo(shops):
    a, b, c = shops
    a.record("back@shop.example", 100)
    _wait_for_balance([b], "back@shop.example", 100)
    b.record("back@shop.example", -30, reason="A mug")
    _wait_for_balance([a, c], "back@shop.example", 70)
    wait_in_step(shops, SECONDS)
    _assert_recorded_once(shops, "back@shop.example", b, "A mug", -30)
    for member in shops:
        forwarded = member.rows(
            "SELECT count(*) FROM delivery JOIN movement ON seq = movement_seq WHERE origin != ?", member.auth
        )
        assert forwarded == [(0,)], f"{member.name} sends on movements of others"


def test_all_sites_end_equal_and_verified(shops):
    wait_in_step(shops, SECONDS)
    for member in shops:
        assert member.site.cli("verify") == {"ok": True, "differences": []}

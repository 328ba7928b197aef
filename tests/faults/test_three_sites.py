"""Three real sites: whatever is made in one is in the others, once, and nowhere a second time."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import call, wait_until

CAPTURES = Path(__file__).parents[1] / "data" / "woocommerce"
SECONDS = 10


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory):
    with family(tmp_path_factory.mktemp("family"), "a", "b", "c") as members:
        yield members


def _arrives(members: list[Member], email: str, points: int) -> None:
    for member in members:
        wait_until(lambda m=member: m.points(email) == points, SECONDS, f"{email} has {points} on {member.name}")


def _once_with(members: list[Member], email: str, origin: Member, reason: str, points: int) -> None:
    """Each of the sites holds the movement once, as its origin made it."""
    for member in members:
        held = [(each["origin"], each["reason"], each["points"]) for each in member.history(email)]
        assert held.count((origin.auth, reason, points)) == 1, (member.name, held)


def test_a_movement_by_the_api(shops):
    a, b, c = shops
    a.record("api@shop.example", 70, reason="Order 1, “ü”")
    _arrives([b, c], "api@shop.example", 70)
    _once_with([a, b, c], "api@shop.example", a, "Order 1, “ü”", 70)


def test_a_movement_by_the_command(shops):
    a, b, c = shops
    a.site.cli("record", "command@shop.example", "40", "--reason", "By hand")
    _arrives([b, c], "command@shop.example", 40)
    _once_with([a, b, c], "command@shop.example", a, "By hand", 40)


def test_a_movement_by_a_woocommerce_order_and_its_refund(shops):
    a, b, c = shops
    hook = a.site.cli("hook", "add", "orders", "--secret", "probe-secret", "--reserve", "default", "--rate", "1")
    body = (CAPTURES / "009-order.created.body").read_bytes()
    signature = base64.b64encode(hmac.new(b"probe-secret", body, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "http://127.0.0.1:8801/",
        "X-WC-Webhook-Topic": "order.created",
        "X-WC-Webhook-Signature": signature,
    }
    for _ in range(3):
        assert call("POST", hook["url"], body, headers).status == 200
    _arrives([a, b, c], "alice@example.test", 75)
    for member in shops:
        assert [each["points"] for each in member.history("alice@example.test")] == [-25, 100], member.name


def test_what_is_spent_elsewhere_comes_back_and_is_not_echoed(shops):
    a, b, c = shops
    a.record("back@shop.example", 100)
    _arrives([b], "back@shop.example", 100)
    b.record("back@shop.example", -30, reason="A mug")
    _arrives([a, c], "back@shop.example", 70)
    wait_in_step(shops, SECONDS)
    _once_with(shops, "back@shop.example", b, "A mug", -30)
    for member in shops:
        own = member.rows(
            "SELECT count(*) FROM delivery JOIN movement ON seq = movement_seq WHERE origin != ?", member.auth
        )
        assert own == [(0,)], f"{member.name} owes what others have made"


def test_nothing_reaches_a_site_that_nobody_made_and_balances_are_sums(shops):
    wait_in_step(shops, SECONDS)
    for member in shops:
        assert member.site.cli("verify") == {"ok": True, "differences": []}

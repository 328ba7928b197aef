"""The WooRewards sync call: each (source, transaction id) is applied once."""

import threading
from datetime import timedelta

import pytest

from pointsync.ids import new_auth
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_caller import WooRewardsCaller, status_code
from tests.support.moving_clock import MovingClock
from tests.support.process import HttpAnswer
from tests.support.woorewards_shop import WooRewardsSite


@pytest.fixture
def shop(listening_site: PeerSite) -> WooRewardsCaller:
    return WooRewardsCaller(listening_site)


def test_add_sub_and_set(shop: WooRewardsCaller) -> None:
    """A set is applied as a difference, so that what happened elsewhere meanwhile is not lost."""
    added = shop.sync(ALICE, 30, "add", 7, reason="Order 17")
    assert (added.status, added.body) == (
        200,
        {
            "status": "success",
            "status_code": "s200",
            "message": "Points updated.",
            "transaction_id": 7,
            "points": 30,
        },
    )
    assert shop.sync(ALICE, 50, "sub", 8).body["points"] == -20
    assert shop.sync(ALICE, 12, "set", 9).body["points"] == 12
    assert shop.sync(ALICE, 0, "set", 10).body["points"] == 0
    movements = [
        (each.id, each.kind, each.points, each.set_to, each.balance) for each in shop.site.movements(shop.auth)
    ]
    assert movements == [
        ("7", "earn", 30, None, 30),
        ("8", "spend", -50, None, -20),
        ("9", "manual", 32, 12, 12),
        ("10", "manual", -12, 0, 0),
    ]
    assert shop.site.movements()[0].reason == "Order 17"


def test_a_repeat_is_s208_whatever_its_other_fields(shop: WooRewardsCaller) -> None:
    """Another reserve, another customer, an unknown customer: it was applied before, so nothing changes."""
    shop.site.add_reserve("gold", "Gold")
    shop.sync(ALICE, 30, "add", 7)
    shop.site.change_setting("create_customers", "off")
    before = shop.site.dump()
    for email, points, action, reserve in (
        (ALICE, 30, "add", "default"),
        (ALICE, 31, "add", "default"),
        (ALICE, 30, "sub", "default"),
        (ALICE, 30, "set", "default"),
        (ALICE, 9_999_999_999, "add", "default"),
        (ALICE, 30, "add", "gold"),
        (ALICE, 30, "add", "no-such-reserve"),
        ("bob@example.test", 30, "add", "default"),
    ):
        answer = shop.sync(email, points, action, 7, reserve)
        assert status_code(answer) == "s208", (email, points, action, reserve)
        assert (answer.body["status"], answer.body["transaction_id"], answer.body["points"]) == ("success", 7, 30)
    assert shop.site.dump() == before


def test_a_repeated_set_does_not_undo_later_movements(shop: WooRewardsCaller) -> None:
    shop.sync(ALICE, 100, "set", 1)
    shop.sync(ALICE, 5, "add", 2)
    assert shop.sync(ALICE, 100, "set", 1).body["points"] == 105
    assert shop.site.balance(ALICE) == 105


def test_concurrent_repeats_are_applied_once(shop: WooRewardsCaller) -> None:
    """The add-on does not lock its queue: two simultaneous page loads send the same movement twice."""
    answers: list[HttpAnswer] = []
    start = threading.Barrier(8)

    def send() -> None:
        start.wait(10)
        answers.append(shop.sync(ALICE, 5, "add", 1))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(status_code(each) for each in answers) == ["s200"] + ["s208"] * 7
    assert shop.site.balance(ALICE) == 5


def test_transaction_ids_are_unique_per_source(shop: WooRewardsCaller) -> None:
    assert status_code(shop.sync(ALICE, 1, "add", 7)) == "s200"
    assert status_code(shop.sync(ALICE, 1, "add", 7, source=new_auth())) == "s200"
    assert status_code(shop.sync(ALICE, 1, "add", 7, source="another kind of shop")) == "s200"
    assert shop.site.balance(ALICE) == 3


def test_transaction_ids_are_compared_as_text(shop: WooRewardsCaller) -> None:
    """`007` is not `7`: comparing them as numbers would lose a movement."""
    for transaction_id, echoed_id in (
        ("7", 7),
        ("007", "007"),
        ("7.0", "7.0"),
        ("order-17", "order-17"),
        ("９", "９"),
        (" 7", " 7"),
        ("-7", "-7"),
        ("9" * 64, int("9" * 64)),
    ):
        first, again = shop.sync(ALICE, 1, "add", transaction_id), shop.sync(ALICE, 1, "add", transaction_id)
        assert (status_code(first), status_code(again)) == ("s200", "s208"), transaction_id
        assert first.body["transaction_id"] == again.body["transaction_id"] == echoed_id
    assert shop.site.balance(ALICE) == 8
    assert {each.id for each in shop.site.movements()} >= {"7", "007"}


def test_an_unknown_customer_is_created(shop: WooRewardsCaller) -> None:
    assert shop.sync("New@Example.TEST", 5).body["points"] == 5
    assert shop.site.balance("new@example.test") == 5


def test_an_unknown_customer_is_e404_when_none_are_created(shop: WooRewardsCaller) -> None:
    """The sender keeps the movement and tries again; once the customer exists it is applied."""
    shop.site.change_setting("create_customers", "off")
    shop.site.record(ALICE, 1)
    assert status_code(shop.sync(ALICE, 5)) == "s200"
    answer = shop.sync("bob@example.test", 5, "add", 77)
    assert answer.body == {
        "status": "error",
        "status_code": "e404",
        "message": "No user with that email.",
        "transaction_id": 77,
    }
    assert shop.site.balance("bob@example.test") is None
    shop.site.record("bob@example.test", 1)
    assert shop.sync("bob@example.test", 5, "add", 77).body["points"] == 6


def test_zero_points_are_applied_too(shop: WooRewardsCaller) -> None:
    assert shop.sync(ALICE, 0, "add", 1).body["points"] == 0
    assert status_code(shop.sync(ALICE, 0, "add", 1)) == "s208"


def test_a_movement_pushed_by_the_add_on_is_applied_once(
    listening_site: PeerSite, woorewards: WooRewardsSite, moving_clock: MovingClock
) -> None:
    """The stand-in for the add-on sends as the add-on does; a repeat a day later changes nothing."""
    identity = listening_site.identity
    for _ in range(2):
        status, body = woorewards.push(
            listening_site.url, identity.auth, identity.passes[0], "default", ALICE, 9, "add", 41, "Bonus"
        )
        assert (status, body["status"], body["points"], body["transaction_id"]) == (200, "success", 9, 41)
        moving_clock.advance(timedelta(days=1))
    assert [(each.origin, each.reason) for each in listening_site.movements()] == [(woorewards.auth, "Bonus")]

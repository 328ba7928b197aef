"""Errors of a WooRewards shop: what waiting can mend waits, what it cannot turns red and says where to mend it."""

import pytest

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import DELAY, WooLine

RED = "error"


def test_an_inactive_system_is_red_at_once_and_clears_itself(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.inactive.add("default")
    woo_line.deliver()
    assert woo_line.status == RED
    assert woo_line.site.remote(woo_line.remote_id).attempt_code == "unknown_reserve"
    assert "'default'" in woo_line.site.shape(woo_line.remote_id)["status_text"]
    assert woo_line.state(made)[0] == "pending"
    woo_line.later()
    assert woo_line.status == RED
    woo_line.shop.inactive.clear()
    woo_line.later()
    assert woo_line.state(made)[0] == "delivered"
    assert woo_line.shop.balance(ALICE) == 5
    assert woo_line.status != RED


def test_it_clears_itself_however_long_it_took(woo_line: WooLine) -> None:
    """Attempts used up are an alarm, not an end."""
    woo_line.record(ALICE, 5)
    woo_line.shop.inactive.add("default")
    woo_line.deliver()
    for _ in range(12):
        woo_line.later()
    assert woo_line.status == RED
    woo_line.shop.inactive.clear()
    woo_line.later()
    woo_line.later()
    assert woo_line.shop.balance(ALICE) == 5
    assert woo_line.status != RED


def test_refused_credentials_are_red_at_once_and_clear_themselves(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    password, woo_line.shop.password = woo_line.shop.password, "wrs_another0another"
    woo_line.deliver()
    assert woo_line.site.remote(woo_line.remote_id).attempt_code == "bad_credentials"
    assert woo_line.status == RED
    calls = len(woo_line.syncs)
    for _ in range(3):
        woo_line.later()
    assert len(woo_line.syncs) == calls, "a light probe, a ping, goes out instead of attempts"
    assert woo_line.state(made)[:2] == ("pending", 1)
    woo_line.shop.password = password
    woo_line.later()
    assert woo_line.state(made)[0] == "delivered"
    assert woo_line.status != RED


def test_a_shop_without_the_add_on_is_no_site(woo_line: WooLine) -> None:
    made, more = woo_line.record(ALICE, 5), woo_line.record(ALICE, 6)
    woo_line.shop.addon_installed = False
    woo_line.deliver()
    assert woo_line.site.remote(woo_line.remote_id).attempt_code == "not_a_site"
    assert woo_line.status == RED
    woo_line.shop.addon_installed = True
    woo_line.later()
    woo_line.later()
    assert [woo_line.state(each)[0] for each in (made, more)] == ["delivered", "delivered"]
    assert woo_line.shop.balance(ALICE) == 11
    assert woo_line.status != RED


def test_what_a_ping_finds_of_a_shop(woo_line: WooLine) -> None:
    shop, check = woo_line.shop, lambda: woo_line.site.check(woo_line.remote_id)
    assert (check().code, check().ok) == ("ok", True)
    pools, shop.pools = shop.pools, {"gold": "Gold"}
    assert (check().code, check().is_permanent) == ("unknown_reserve", True)
    shop.pools, password, shop.password = pools, shop.password, "wrs_another0another"
    assert (check().code, check().is_permanent) == ("bad_credentials", True)
    shop.password, shop.addon_installed = password, False
    assert (check().code, check().is_permanent) == ("not_a_site", True)
    shop.addon_installed = True
    shop.fail_next(1, 503, of="ping")
    verdict = check()
    assert (verdict.code, verdict.is_permanent) == ("bad_answer", False)
    assert check().ok


@pytest.mark.parametrize("status", [500, 502, 503, 400, 429])
def test_a_passing_failure_is_tried_again(woo_line: WooLine, status: int) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.fail_next(1, status)
    woo_line.deliver()
    assert woo_line.state(made)[:2] == ("pending", 0 if status == 429 else 1)
    assert woo_line.status == "warning"
    assert woo_line.sent(made) == 1
    woo_line.later()
    assert woo_line.state(made)[0] == "delivered"
    assert woo_line.shop.balance(ALICE) == 5


class Poison:
    """Makes the shop fail at one movement only."""

    def __init__(self, line: WooLine, movement_id: str, status: int = 500) -> None:
        whole, self.is_on = line.shop.answer, True

        def answer(method, path, headers, form):  # type: ignore[no-untyped-def]
            if self.is_on and form.get("transaction_id") == movement_id:
                line.shop.fail_next(1, status)
            return whole(method, path, headers, form)

        line.shop.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [500, 400])
def test_one_poisoned_movement_holds_up_no_other(woo_line: WooLine, status: int) -> None:
    made = [woo_line.record(ALICE, 1) for _ in range(5)]
    poison = Poison(woo_line, made[1], status)
    woo_line.deliver()
    woo_line.later()
    assert [woo_line.state(each)[0] for each in made] == ["delivered", "pending", *["delivered"] * 3]
    poison.is_on = False
    woo_line.later()
    woo_line.later()
    assert woo_line.shop.balance(ALICE) == 5


@pytest.mark.parametrize("status", [500, 400])
@pytest.mark.parametrize("rounds", [1, 2, 3, 12], ids=lambda rounds: f"after {rounds}")
def test_nor_does_it_when_it_has_waited_alone(woo_line: WooLine, rounds: int, status: int) -> None:
    """It fails again and again with nobody behind it; then somebody comes."""
    poisoned = woo_line.record(ALICE, 1)
    poison = Poison(woo_line, poisoned, status)
    woo_line.deliver()
    for _ in range(rounds - 1):
        woo_line.later()
    behind = woo_line.record(ALICE, 10)
    for _ in range(3):
        woo_line.later()
    assert woo_line.state(behind)[0] == "delivered"
    assert woo_line.state(poisoned)[0] == "pending"
    poison.is_on = False
    for _ in range(3):
        woo_line.later(DELAY)
    assert woo_line.shop.balance(ALICE) == 11

"""Errors of a WooRewards shop: transient ones are retried; permanent ones turn the remote red and say what to do."""

import pytest

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import RETRY_DELAY, WooRewardsRemote

ERROR_STATUS = "error"


def test_an_inactive_reserve_is_red_at_once_and_recovers(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.inactive.add("default")
    woo_remote.deliver()
    assert woo_remote.status == ERROR_STATUS
    assert woo_remote.site.remote(woo_remote.remote_id).attempt_code == "unknown_reserve"
    assert "'default'" in woo_remote.site.remote_json(woo_remote.remote_id)["status_text"]
    assert woo_remote.delivery_summary(movement_id)[0] == "pending"
    woo_remote.wait_and_deliver()
    assert woo_remote.status == ERROR_STATUS
    woo_remote.shop.inactive.clear()
    woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert woo_remote.shop.balance(ALICE) == 5
    assert woo_remote.status != ERROR_STATUS


def test_it_recovers_after_attempts_are_used_up(woo_remote: WooRewardsRemote) -> None:
    """Used-up attempts are an alarm, not an end."""
    woo_remote.record(ALICE, 5)
    woo_remote.shop.inactive.add("default")
    woo_remote.deliver()
    for _ in range(12):
        woo_remote.wait_and_deliver()
    assert woo_remote.status == ERROR_STATUS
    woo_remote.shop.inactive.clear()
    woo_remote.wait_and_deliver()
    woo_remote.wait_and_deliver()
    assert woo_remote.shop.balance(ALICE) == 5
    assert woo_remote.status != ERROR_STATUS


def test_refused_credentials_are_red_at_once_and_recover(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    password, woo_remote.shop.password = woo_remote.shop.password, "wrs_another0another"
    woo_remote.deliver()
    assert woo_remote.site.remote(woo_remote.remote_id).attempt_code == "bad_credentials"
    assert woo_remote.status == ERROR_STATUS
    call_count = len(woo_remote.sync_requests)
    for _ in range(3):
        woo_remote.wait_and_deliver()
    assert len(woo_remote.sync_requests) == call_count, "pings are sent instead of attempts"
    assert woo_remote.delivery_summary(movement_id)[:2] == ("pending", 1)
    woo_remote.shop.password = password
    woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert woo_remote.status != ERROR_STATUS


def test_a_shop_without_the_add_on_is_not_a_site(woo_remote: WooRewardsRemote) -> None:
    movement_id, second_id = woo_remote.record(ALICE, 5), woo_remote.record(ALICE, 6)
    woo_remote.shop.addon_installed = False
    woo_remote.deliver()
    assert woo_remote.site.remote(woo_remote.remote_id).attempt_code == "not_a_site"
    assert woo_remote.status == ERROR_STATUS
    woo_remote.shop.addon_installed = True
    woo_remote.wait_and_deliver()
    woo_remote.wait_and_deliver()
    assert [woo_remote.delivery_summary(each)[0] for each in (movement_id, second_id)] == ["delivered", "delivered"]
    assert woo_remote.shop.balance(ALICE) == 11
    assert woo_remote.status != ERROR_STATUS


def test_what_a_ping_of_a_shop_finds(woo_remote: WooRewardsRemote) -> None:
    shop, check = woo_remote.shop, lambda: woo_remote.site.check(woo_remote.remote_id)
    assert (check().code, check().is_ok) == ("ok", True)
    pools, shop.pools = shop.pools, {"gold": "Gold"}
    assert (check().code, check().is_permanent) == ("unknown_reserve", True)
    shop.pools, password, shop.password = pools, shop.password, "wrs_another0another"
    assert (check().code, check().is_permanent) == ("bad_credentials", True)
    shop.password, shop.addon_installed = password, False
    assert (check().code, check().is_permanent) == ("not_a_site", True)
    shop.addon_installed = True
    shop.fail_next(1, 503, of="ping")
    result = check()
    assert (result.code, result.is_permanent) == ("bad_answer", False)
    assert check().is_ok


@pytest.mark.parametrize("status", [500, 502, 503, 400, 429])
def test_a_transient_failure_is_retried(woo_remote: WooRewardsRemote, status: int) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.fail_next(1, status)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[:2] == ("pending", 0 if status == 429 else 1)
    assert woo_remote.status == "warning"
    assert woo_remote.sent_count(movement_id) == 1
    woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert woo_remote.shop.balance(ALICE) == 5


class PoisonedShop:
    """Makes the shop fail for one movement only."""

    def __init__(self, remote: WooRewardsRemote, movement_id: str, status: int = 500) -> None:
        answer_normally, self.is_on = remote.shop.answer, True

        def answer(method, path, headers, form):  # type: ignore[no-untyped-def]
            if self.is_on and form.get("transaction_id") == movement_id:
                remote.shop.fail_next(1, status)
            return answer_normally(method, path, headers, form)

        remote.shop.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [500, 400])
def test_a_poisoned_movement_blocks_no_other(woo_remote: WooRewardsRemote, status: int) -> None:
    movement_ids = [woo_remote.record(ALICE, 1) for _ in range(5)]
    poison = PoisonedShop(woo_remote, movement_ids[1], status)
    woo_remote.deliver()
    woo_remote.wait_and_deliver()
    assert [woo_remote.delivery_summary(each)[0] for each in movement_ids] == [
        "delivered",
        "pending",
        *["delivered"] * 3,
    ]
    poison.is_on = False
    woo_remote.wait_and_deliver()
    woo_remote.wait_and_deliver()
    assert woo_remote.shop.balance(ALICE) == 5


@pytest.mark.parametrize("status", [500, 400])
@pytest.mark.parametrize("rounds", [1, 2, 3, 12], ids=lambda rounds: f"after {rounds}")
def test_nor_does_it_after_waiting_alone(woo_remote: WooRewardsRemote, rounds: int, status: int) -> None:
    """It fails repeatedly with nothing behind it; then another movement is recorded."""
    poisoned_id = woo_remote.record(ALICE, 1)
    poison = PoisonedShop(woo_remote, poisoned_id, status)
    woo_remote.deliver()
    for _ in range(rounds - 1):
        woo_remote.wait_and_deliver()
    later_id = woo_remote.record(ALICE, 10)
    for _ in range(3):
        woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(later_id)[0] == "delivered"
    assert woo_remote.delivery_summary(poisoned_id)[0] == "pending"
    poison.is_on = False
    for _ in range(3):
        woo_remote.wait_and_deliver(RETRY_DELAY)
    assert woo_remote.shop.balance(ALICE) == 11

"""A customer unknown at a WooRewards shop: the movement waits without an alarm and is retried at intervals."""

from datetime import timedelta
from itertools import pairwise

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import RETRY_DELAY, WooRewardsRemote
from tests.support.moving_clock import START

BOB = "bob@example.test"


def test_it_waits_without_a_warning_or_attempts(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(BOB, 5)
    alice_id = woo_remote.record(ALICE, 7)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id) == ("unknown", 0, "e404")
    assert woo_remote.delivery_summary(alice_id)[0] == "delivered"
    remote_json = woo_remote.site.remote_json(woo_remote.remote_id)
    assert (remote_json["status"], remote_json["waiting"], remote_json["unknown_customers"]) == ("green", 1, 1)
    assert remote_json["last_error"] is None


def test_even_alone_it_causes_no_warning(woo_remote: WooRewardsRemote) -> None:
    woo_remote.record(BOB, 5)
    woo_remote.deliver()
    assert woo_remote.status in ("none", "green")
    for _ in range(30):
        woo_remote.wait_and_deliver(timedelta(hours=6))
    assert woo_remote.status in ("none", "green")
    assert "1 movement for customers unknown there" in woo_remote.site.remote_json(woo_remote.remote_id)["status_text"]


def test_it_is_retried_at_growing_intervals(woo_remote: WooRewardsRemote) -> None:
    """The next delay is the time waited so far, at most a day, so that a new customer need not wait for weeks."""
    movement_id, sent_times = woo_remote.record(BOB, 5), []
    woo_remote.deliver()
    for _ in range(6000):
        if woo_remote.site.is_due(woo_remote.remote_id):
            woo_remote.deliver()
        if woo_remote.sent_count(movement_id) > len(sent_times):
            sent_times.append(woo_remote.clock.now())
        if woo_remote.clock.now() > START + timedelta(days=6):
            break
        not_before = woo_remote.site.delivery(movement_id).not_before
        assert not_before
        woo_remote.clock.advance(not_before - woo_remote.clock.now())
    intervals = [later - earlier for earlier, later in pairwise(sent_times)]
    assert intervals == sorted(intervals)
    assert intervals[0] == RETRY_DELAY
    assert intervals[-1] == timedelta(days=1)
    assert len(sent_times) < 20
    assert woo_remote.delivery_summary(movement_id) == ("unknown", 0, "e404")


def test_it_is_delivered_once_the_customer_exists(woo_remote: WooRewardsRemote) -> None:
    movement_id, second_id = woo_remote.record(BOB, 5), woo_remote.record(BOB, -2, kind="spend")
    woo_remote.deliver()
    woo_remote.shop.add_customer(BOB)
    woo_remote.wait_and_deliver()
    assert [woo_remote.delivery_summary(each)[0] for each in (movement_id, second_id)] == ["delivered", "delivered"]
    assert woo_remote.shop.balance(BOB) == 3
    assert woo_remote.status == "green"


def test_retry_now_sends_it_at_once(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(BOB, 5)
    woo_remote.deliver()
    woo_remote.shop.add_customer(BOB)
    woo_remote.site.retry(woo_remote.remote_id)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"


def test_it_blocks_no_other_movement(woo_remote: WooRewardsRemote) -> None:
    unknown_ids = [woo_remote.record(f"stranger{number}@example.test", 1) for number in range(5)]
    alice_id = woo_remote.record(ALICE, 7)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(alice_id)[0] == "delivered"
    assert {woo_remote.delivery_summary(each)[0] for each in unknown_ids} == {"unknown"}

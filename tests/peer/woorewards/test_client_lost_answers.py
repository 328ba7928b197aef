"""After a lost answer a WooRewards shop must not get the same movement twice at once: it checks, then inserts."""

from datetime import timedelta

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import ANSWER_LOST_DELAY, RETRY_DELAY, WooRewardsRemote
from tests.support.woorewards_shop import Movement

SECOND = timedelta(seconds=1)


def test_it_is_not_sent_again_for_120_seconds_even_on_request(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.drop_answer_next(1)
    woo_remote.deliver()
    assert woo_remote.sent_count(movement_id) == 1
    assert woo_remote.delivery_summary(movement_id)[:2] == ("pending", 1)
    for _ in range(3):
        woo_remote.site.retry(woo_remote.remote_id)
        woo_remote.deliver()
        woo_remote.clock.advance(30 * SECOND)
    assert woo_remote.sent_count(movement_id) == 1
    woo_remote.clock.advance(ANSWER_LOST_DELAY - 91 * SECOND)
    woo_remote.site.retry(woo_remote.remote_id)
    woo_remote.deliver()
    assert woo_remote.sent_count(movement_id) == 1


def test_then_it_is_sent_and_a_duplicate_counts_as_delivered(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.drop_answer_next(1)
    woo_remote.deliver()
    woo_remote.clock.advance(ANSWER_LOST_DELAY)
    woo_remote.site.retry(woo_remote.remote_id)
    woo_remote.deliver()
    assert woo_remote.sent_count(movement_id) == 2
    assert woo_remote.delivery_summary(movement_id) == ("delivered", 2, None)
    assert woo_remote.shop.balance(ALICE) == 5
    assert len(woo_remote.shop.applied) == 1


def test_it_is_sent_automatically_after_the_delay(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.drop_answer_next(1)
    woo_remote.deliver()
    woo_remote.wait_and_deliver(RETRY_DELAY - SECOND)
    assert woo_remote.sent_count(movement_id) == 1
    woo_remote.wait_and_deliver(SECOND)
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert woo_remote.shop.balance(ALICE) == 5


def test_later_movements_do_not_wait_for_it(woo_remote: WooRewardsRemote) -> None:
    """They were not sent yet, so the shop cannot be processing them."""
    lost_id, later_id = woo_remote.record(ALICE, 5), woo_remote.record(ALICE, 7)
    woo_remote.shop.drop_answer_next(1)
    woo_remote.deliver()
    woo_remote.site.retry(woo_remote.remote_id)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(later_id)[0] == "delivered"
    assert woo_remote.delivery_summary(lost_id)[0] == "pending"
    assert woo_remote.sent_count(lost_id) == 1


def test_with_several_lost_answers_it_is_applied_once(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.drop_answer_next(4)
    woo_remote.deliver()
    for _ in range(4):
        woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id) == ("delivered", 5, None)
    assert woo_remote.shop.balance(ALICE) == 5


def test_a_call_that_never_arrived_is_repeated(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.__exit__()
    woo_remote.deliver()
    with woo_remote.shop:
        woo_remote.wait_and_deliver()
        assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
        assert woo_remote.shop.balance(ALICE) == 5
    woo_remote.shop.__enter__()


def test_an_answer_about_another_movement_does_not_count(woo_remote: WooRewardsRemote) -> None:
    """The movement may have been applied; the next answer shows it."""
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.wrong_transaction_id = True
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[:2] == ("pending", 1)
    woo_remote.shop.wrong_transaction_id = False
    woo_remote.site.retry(woo_remote.remote_id)
    woo_remote.deliver()
    assert woo_remote.sent_count(movement_id) == 1
    woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id) == ("delivered", 2, None)
    assert woo_remote.shop.balance(ALICE) == 5


def test_a_duplicate_of_a_movement_never_sent_is_a_failure(woo_remote: WooRewardsRemote) -> None:
    """Somebody else sent that id with our Auth: counting it as delivered would lose the movement."""
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.applied[woo_remote.site.identity.auth, int(movement_id)] = Movement("default", ALICE, 99, "add", "")
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id) == ("failed", 1, "unexpected_duplicate")
    assert woo_remote.status == "error"
    woo_remote.wait_and_deliver()
    assert woo_remote.sent_count(movement_id) == 1

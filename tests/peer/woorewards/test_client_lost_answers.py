"""When a WooRewards shop's answer is lost: its check-then-insert must not get the same movement twice at once."""

from datetime import timedelta

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import DELAY, SURE, WooLine
from tests.support.woorewards_shop import Movement

SECOND = timedelta(seconds=1)


def test_it_is_not_sent_again_for_120_seconds_whoever_asks(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.drop_answer_next(1)
    woo_line.deliver()
    assert woo_line.sent(made) == 1
    assert woo_line.state(made)[:2] == ("pending", 1)
    for _ in range(3):
        woo_line.site.retry(woo_line.remote_id)
        woo_line.deliver()
        woo_line.clock.advance(30 * SECOND)
    assert woo_line.sent(made) == 1
    woo_line.clock.advance(SURE - 91 * SECOND)
    woo_line.site.retry(woo_line.remote_id)
    woo_line.deliver()
    assert woo_line.sent(made) == 1


def test_then_it_is_sent_and_the_repeat_counts_as_delivered(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.drop_answer_next(1)
    woo_line.deliver()
    woo_line.clock.advance(SURE)
    woo_line.site.retry(woo_line.remote_id)
    woo_line.deliver()
    assert woo_line.sent(made) == 2
    assert woo_line.state(made) == ("delivered", 2, None)
    assert woo_line.shop.balance(ALICE) == 5
    assert len(woo_line.shop.applied) == 1


def test_without_a_hand_it_is_sent_after_the_delay(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.drop_answer_next(1)
    woo_line.deliver()
    woo_line.later(DELAY - SECOND)
    assert woo_line.sent(made) == 1
    woo_line.later(SECOND)
    assert woo_line.state(made)[0] == "delivered"
    assert woo_line.shop.balance(ALICE) == 5


def test_those_behind_it_need_not_wait_so_long(woo_line: WooLine) -> None:
    """Nobody called for them, so nothing of theirs can be under way there."""
    lost, behind = woo_line.record(ALICE, 5), woo_line.record(ALICE, 7)
    woo_line.shop.drop_answer_next(1)
    woo_line.deliver()
    woo_line.site.retry(woo_line.remote_id)
    woo_line.deliver()
    assert woo_line.state(behind)[0] == "delivered"
    assert woo_line.state(lost)[0] == "pending"
    assert woo_line.sent(lost) == 1


def test_an_answer_lost_again_and_again_is_applied_once(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.drop_answer_next(4)
    woo_line.deliver()
    for _ in range(4):
        woo_line.later()
    assert woo_line.state(made) == ("delivered", 5, None)
    assert woo_line.shop.balance(ALICE) == 5


def test_a_call_that_never_arrived_is_sent_again_without_harm(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5)
    woo_line.shop.__exit__()
    woo_line.deliver()
    with woo_line.shop:
        woo_line.later()
        assert woo_line.state(made)[0] == "delivered"
        assert woo_line.shop.balance(ALICE) == 5
    woo_line.shop.__enter__()


def test_an_answer_about_another_movement_is_no_answer(woo_line: WooLine) -> None:
    """It may have been applied all the same; the next answer that names it tells."""
    made = woo_line.record(ALICE, 5)
    woo_line.shop.wrong_transaction_id = True
    woo_line.deliver()
    assert woo_line.state(made)[:2] == ("pending", 1)
    woo_line.shop.wrong_transaction_id = False
    woo_line.site.retry(woo_line.remote_id)
    woo_line.deliver()
    assert woo_line.sent(made) == 1
    woo_line.later()
    assert woo_line.state(made) == ("delivered", 2, None)
    assert woo_line.shop.balance(ALICE) == 5


def test_a_repeat_that_nobody_sent_before_is_refused(woo_line: WooLine) -> None:
    """The shop holds that id from somebody else in our name: to call it delivered would lose the movement."""
    made = woo_line.record(ALICE, 5)
    woo_line.shop.applied[woo_line.site.identity.auth, int(made)] = Movement("default", ALICE, 99, "add", "")
    woo_line.deliver()
    assert woo_line.state(made) == ("failed", 1, "unexpected_duplicate")
    assert woo_line.status == "error"
    woo_line.later()
    assert woo_line.sent(made) == 1

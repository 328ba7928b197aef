"""A customer unknown at a WooRewards shop: the movement waits, quietly, and is asked for now and then."""

from datetime import timedelta
from itertools import pairwise

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import DELAY, WooLine
from tests.support.moving_clock import START

BOB = "bob@example.test"


def test_it_waits_without_colour_or_attempts(woo_line: WooLine) -> None:
    made = woo_line.record(BOB, 5)
    known = woo_line.record(ALICE, 7)
    woo_line.deliver()
    assert woo_line.state(made) == ("unknown", 0, "e404")
    assert woo_line.state(known)[0] == "delivered"
    shape = woo_line.site.shape(woo_line.remote_id)
    assert (shape["status"], shape["waiting"], shape["unknown_customers"]) == ("green", 1, 1)
    assert shape["last_error"] is None


def test_even_alone_it_gives_no_colour(woo_line: WooLine) -> None:
    woo_line.record(BOB, 5)
    woo_line.deliver()
    assert woo_line.status in ("none", "green")
    for _ in range(30):
        woo_line.later(timedelta(hours=6))
    assert woo_line.status in ("none", "green")
    assert "1 movement for customers unknown there" in woo_line.site.shape(woo_line.remote_id)["status_text"]


def test_it_is_asked_again_with_growing_distance(woo_line: WooLine) -> None:
    """After as long as it has waited already: at most a day, so that who signs up need not wait for weeks."""
    made, asked = woo_line.record(BOB, 5), []
    woo_line.deliver()
    for _ in range(6000):
        if woo_line.site.is_due(woo_line.remote_id):
            woo_line.deliver()
        if woo_line.sent(made) > len(asked):
            asked.append(woo_line.clock.now())
        if woo_line.clock.now() > START + timedelta(days=6):
            break
        waits_until = woo_line.site.delivery(made).not_before
        assert waits_until
        woo_line.clock.advance(waits_until - woo_line.clock.now())
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[0] == DELAY
    assert gaps[-1] == timedelta(days=1)
    assert len(asked) < 20
    assert woo_line.state(made) == ("unknown", 0, "e404")


def test_it_is_delivered_once_the_customer_exists(woo_line: WooLine) -> None:
    made, more = woo_line.record(BOB, 5), woo_line.record(BOB, -2, kind="spend")
    woo_line.deliver()
    woo_line.shop.add_customer(BOB)
    woo_line.later()
    assert [woo_line.state(each)[0] for each in (made, more)] == ["delivered", "delivered"]
    assert woo_line.shop.balance(BOB) == 3
    assert woo_line.status == "green"


def test_an_admin_need_not_wait_for_that(woo_line: WooLine) -> None:
    made = woo_line.record(BOB, 5)
    woo_line.deliver()
    woo_line.shop.add_customer(BOB)
    woo_line.site.retry(woo_line.remote_id)
    woo_line.deliver()
    assert woo_line.state(made)[0] == "delivered"


def test_it_holds_up_nobody(woo_line: WooLine) -> None:
    strangers = [woo_line.record(f"stranger{number}@example.test", 1) for number in range(5)]
    known = woo_line.record(ALICE, 7)
    woo_line.deliver()
    assert woo_line.state(known)[0] == "delivered"
    assert {woo_line.state(each)[0] for each in strangers} == {"unknown"}

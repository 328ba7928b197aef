"""Orders that points pay, through both checkouts: at each step of the order's life the balance is right everywhere."""

from concurrent.futures import ThreadPoolExecutor

from tests.real_shops.buyer import Buyer, fill_cart, on_both, plain
from tests.real_shops.world import World


@on_both
def case_paid_at_once(w: World, how: str) -> None:
    buyer = Buyer(w, f"paid-{how}")
    placed = buyer.buy(how, "pointsync_tests")
    assert placed["problem"] == "", placed
    assert buyer.orders() == [placed["id"]], placed
    found = buyer.order(placed["id"])
    assert (found["status"], float(found["total"])) == ("processing", 30.0), found
    assert found["row"]["taken"] == "200"
    buyer.has(300)
    assert buyer.held() == 0
    w.do("status", id=placed["id"], status="completed")
    buyer.has(330)  # what points paid earns nothing
    w.do("status", id=placed["id"], status="processing")
    w.do("status", id=placed["id"], status="completed")
    buyer.order(placed["id"])
    buyer.has(330)


@on_both
def case_on_hold(w: World, how: str) -> None:
    buyer = Buyer(w, f"on-hold-{how}")
    placed = buyer.buy(how, "bacs")
    assert placed["problem"] == "", placed
    assert buyer.order(placed["id"])["status"] == "on-hold"
    buyer.has(300)
    w.do("status", id=placed["id"], status="cancelled")
    assert buyer.order(placed["id"])["row"]["returned"] == "200"
    buyer.has(500)
    w.do("status", id=placed["id"], status="processing")  # it is on again
    buyer.order(placed["id"])
    buyer.has(300)


@on_both
def case_own_status(w: World, how: str) -> None:
    buyer = Buyer(w, f"own-status-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    assert buyer.order(placed["id"])["status"] == "pending"
    buyer.has(500)
    assert buyer.held() == 200
    w.do("status", id=placed["id"], status="picked-up")
    buyer.order(placed["id"])
    buyer.has(330)


@on_both
def case_failed_and_paid_later(w: World, how: str) -> None:
    buyer = Buyer(w, f"failed-{how}")
    w.do("options", set={"pointsync_tests_payment": "fail"})
    placed = buyer.buy(how, "pointsync_tests")
    assert placed["problem"], placed
    assert buyer.order(placed["id"])["status"] == "failed"
    buyer.has(500)
    assert buyer.held() == 0
    w.do("options", set={"pointsync_tests_payment": "paid"})
    again = buyer.place(how, "pointsync_tests")
    assert again["problem"] == "", again
    assert again["id"] == placed["id"], again
    found = buyer.order(placed["id"])
    assert (found["status"], float(found["total"]), found["row"]["hold_number"]) == ("processing", 30.0, "2"), found
    buyer.has(300)


@on_both
def case_cancelled_before_it_was_paid(w: World, how: str) -> None:
    buyer = Buyer(w, f"cancelled-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    buyer.order(placed["id"])
    assert buyer.held() == 200
    w.do("status", id=placed["id"], status="cancelled")
    buyer.order(placed["id"])
    assert buyer.held() == 0
    buyer.has(500)


@on_both
def case_timed_out_and_revived(w: World, how: str) -> None:
    buyer = Buyer(w, f"time-out-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    w.do("time_out", id=placed["id"])
    found = buyer.order(placed["id"])
    assert found["status"] == "cancelled", found
    assert buyer.held() == 0
    w.do("status", id=placed["id"], status="processing")
    buyer.order(placed["id"])
    buyer.has(300)


@on_both
def case_revived_without_enough_points(w: World, how: str) -> None:
    buyer = Buyer(w, f"revived-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    w.do("status", id=placed["id"], status="cancelled")
    buyer.order(placed["id"])
    w.member.record(buyer.email, -400)
    w.do("status", id=placed["id"], status="processing")
    found = buyer.order(placed["id"])
    assert found["row"]["problem"] == "insufficient", found
    assert any("too few" in note for note in found["notes"]), found["notes"]
    assert "Take the points all the same" in w.do("box", id=placed["id"])["html"]
    buyer.has(100)
    w.do("press", id=placed["id"], button="take")
    buyer.has(-100)
    w.do("press", id=placed["id"], button="return")
    buyer.has(100)


@on_both
def case_paid_on_its_own_page(w: World, how: str) -> None:
    """An order that was cancelled is paid on the page of the order: the points are held once more."""
    buyer = Buyer(w, f"order-pay-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    w.do("status", id=placed["id"], status="failed")
    found = buyer.order(placed["id"])
    assert buyer.held() == 0
    w.do("options", set={"pointsync_tests_payment": "paid"})
    if how == "classic":
        buyer.visitor.pay_again(found["pay_url"], "pointsync_tests")
    else:
        answer = buyer.visitor.store_pay_again(placed["id"], found["key"], "pointsync_tests")
        assert answer.status_code == 200, answer.text
    found = buyer.order(placed["id"])
    assert (found["status"], float(found["total"])) == ("processing", 30.0), found
    buyer.has(300)


@on_both
def case_points_gone_on_its_own_page(w: World, how: str) -> None:
    """The points are used elsewhere meanwhile: the order costs its whole price, and the customer is told."""
    buyer = Buyer(w, f"order-pay-gone-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    w.do("status", id=placed["id"], status="failed")
    found = buyer.order(placed["id"])
    w.member.record(buyer.email, -450)
    w.expect(buyer.email, 50)
    w.do("options", set={"pointsync_tests_payment": "paid"})
    if how == "classic":
        page = buyer.visitor.pay_again(found["pay_url"], "pointsync_tests").text
        assert "enough points" in page, plain(page)[:2000]
    else:
        answer = buyer.visitor.store_pay_again(placed["id"], found["key"], "pointsync_tests")
        assert answer.status_code == 400, answer.text
        assert "enough points" in answer.text
    found = buyer.order(placed["id"])
    assert (found["status"], float(found["total"]), found["coupons"]) == ("failed", 50.0, 0), found
    buyer.has(50)


@on_both
def case_the_same_points_twice_at_once(w: World, how: str) -> None:
    """The same cart is ordered in two windows at once: no point pays twice, and each total fits its points."""
    buyer = Buyer(w, f"twice-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    fill_cart(buyer.visitor, how, w.mug, 400)
    visitors = [buyer.visitor, buyer.new_session()]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda visitor: buyer.try_to_place(how, "pointsync_tests", visitor), visitors))
    _no_point_pays_twice(buyer)


@on_both
def case_a_second_order_while_the_first_waits(w: World, how: str) -> None:
    """The points that a waiting order holds cannot be used for another cart."""
    buyer = Buyer(w, f"second-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    fill_cart(buyer.visitor, how, w.mug, 400)
    assert buyer.place(how, "pointsync_tests")["problem"] == ""
    buyer.visitor.store_add(w.mug)
    used = buyer.visitor.store_use_points(400).json()["extensions"]["pointsync"]["used"]
    assert used == 100, used
    assert buyer.place(how, "pointsync_tests")["problem"] == ""
    _no_point_pays_twice(buyer)
    buyer.has(0)


def _no_point_pays_twice(buyer: Buyer) -> None:
    used = 0
    for order_id in buyer.orders():
        buyer.world.do("status", id=order_id, status="processing")
        found = buyer.order(order_id)
        taken = int(found["row"]["taken"]) if found["row"] else 0
        assert float(found["total"]) == 50 - taken / 10, found
        used += taken
    assert 0 < used <= 500, used
    buyer.has(500 - used)


def case_code_of_somebody_else(w: World) -> None:
    """The code of the coupon that stands for points is worth nothing to anybody else."""
    buyer, other = Buyer(w, "owner"), Buyer(w, "other")
    buyer.visitor.store_add(w.mug)
    cart = buyer.visitor.store_use_points(200).json()
    code = cart["coupons"][0]["code"]
    other.visitor.store_add(w.mug)
    answer = other.visitor.store("POST", "/cart/apply-coupon", {"code": code})
    assert answer.status_code == 400, answer.text
    placed = buyer.place("block", "pointsync_tests")
    buyer.order(placed["id"])
    assert other.visitor.store("POST", "/cart/apply-coupon", {"code": code}).status_code == 400
    buyer.visitor.store_add(w.mug)
    assert buyer.visitor.store("POST", "/cart/apply-coupon", {"code": code}).status_code == 400
    buyer.has(300)

"""Points go back with the goods: refunds, deleted orders, and orders that points have paid fully."""

from tests.real_shops.buyer import Buyer, on_both
from tests.real_shops.world import World


@on_both
def case_refunded_in_parts(w: World, how: str) -> None:
    """Two mugs of 50; 200 points pay 20 of 100. Half a mug back, then the rest of it, then everything."""
    buyer = Buyer(w, f"refund-{how}")
    if how == "classic":
        buyer.visitor.add(w.mug, 2)
        buyer.visitor.use_points("200")
    else:
        buyer.visitor.store_add(w.mug, 2)
        buyer.visitor.store_use_points(200)
    placed = buyer.place(how, "pointsync_tests")
    assert placed["problem"] == "", placed
    assert float(buyer.order(placed["id"])["total"]) == 80.0
    buyer.has(300)
    w.do("refund", id=placed["id"], amount="20", lines=[["line_item", 0, 0, "20"]])
    buyer.order(placed["id"])
    buyer.has(350)
    w.do("refund", id=placed["id"], amount="20", lines=[["line_item", 0, 1, "20"]])
    buyer.order(placed["id"])
    buyer.has(400)
    w.do("refund_delete", id=placed["id"])
    buyer.order(placed["id"])
    buyer.has(350)
    w.do("refund", id=placed["id"], amount="60", lines=[["line_item", 0, 1, "60"]])
    found = buyer.order(placed["id"])
    assert found["status"] == "refunded", found
    buyer.has(500)


@on_both
def case_refund_without_lines(w: World, how: str) -> None:
    buyer = Buyer(w, f"refund-money-{how}")
    placed = buyer.buy(how, "pointsync_tests")
    buyer.order(placed["id"])
    w.do("refund", id=placed["id"], amount="7.50")
    buyer.order(placed["id"])
    buyer.has(350)


@on_both
def case_paid_fully_with_points(w: World, how: str) -> None:
    buyer = Buyer(w, f"full-{how}")
    placed = buyer.buy(how, "", points=500)
    assert placed["problem"] == "", placed
    found = buyer.order(placed["id"])
    assert (found["status"], float(found["total"])) == ("processing", 0.0), found
    buyer.has(0)
    w.do("status", id=placed["id"], status="completed")
    buyer.order(placed["id"])
    buyer.has(0)
    assert "Return 500 points" in w.do("box", id=placed["id"])["html"]
    w.do("press", id=placed["id"], button="return")
    buyer.has(500)


def case_order_deleted_for_good(w: World) -> None:
    buyer = Buyer(w, "deleted")
    placed = buyer.buy("classic", "pointsync_tests")
    buyer.order(placed["id"])
    buyer.has(300)
    w.do("trash", id=placed["id"])
    buyer.order(placed["id"])
    buyer.has(500)
    w.do("untrash", id=placed["id"])
    buyer.order(placed["id"])
    buyer.has(300)
    w.do("delete", id=placed["id"])
    buyer.order(placed["id"])
    buyer.has(500)


def case_points_taken_off_the_order(w: World) -> None:
    """The staff removes the coupon line: the points go back. Recalculating the order changes nothing."""
    buyer = Buyer(w, "taken-off")
    placed = buyer.buy("classic", "pointsync_tests")
    buyer.order(placed["id"])
    w.do("recalculate", id=placed["id"])
    assert float(buyer.order(placed["id"])["total"]) == 30.0
    buyer.has(300)
    w.do("remove_points", id=placed["id"])
    found = buyer.order(placed["id"])
    assert float(found["total"]) == 50.0, found
    buyer.has(500)

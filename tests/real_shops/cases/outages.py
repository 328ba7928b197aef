"""PointSync is away or hangs while a customer pays with points: nothing is lost or taken twice."""

from typing import Any

from tests.real_shops.buyer import POINTS, Buyer, fill_cart, on_both
from tests.real_shops.database import dump_database, load_database
from tests.real_shops.world import World
from tests.support.process import wait_until

ORDER_SECONDS = 5.0
"""The three that PointSync has, and the shop's own time on a busy machine."""


@on_both
def case_pointsync_down_before(w: World, how: str) -> None:
    """Nothing answers when the order is placed: after three seconds at most, the customer goes on without points."""
    buyer = Buyer(w, f"down-{how}")
    fill_cart(buyer.visitor, how, w.mug, POINTS)
    w.member.site.kill()
    try:
        again = _place_while_it_is_down(buyer, how)
    finally:
        w.member.site.start()
    found = buyer.order(again["id"])
    assert (found["status"], float(found["total"]), found["coupons"]) == ("processing", 50.0, 0), found
    buyer.has(500)
    assert buyer.held() == 0


def _place_while_it_is_down(buyer: Buyer, how: str) -> dict[str, Any]:
    placed = buyer.place(how, "pointsync_tests")
    assert buyer.visitor.seconds < ORDER_SECONDS, buyer.visitor.seconds
    assert "cannot be used at the moment" in placed["problem"], placed
    assert "50.00" in placed["problem"], placed
    again = buyer.place(how, "pointsync_tests")
    assert again["problem"] == "", again
    assert buyer.orders() == [again["id"]], again
    return again


@on_both
def case_pointsync_hangs(w: World, how: str) -> None:
    """PointSync takes the call and does not answer: whatever it has held is free again afterwards."""
    buyer = Buyer(w, f"hangs-{how}")
    fill_cart(buyer.visitor, how, w.mug, POINTS)
    with w.frozen():
        placed = buyer.place(how, "pointsync_tests")
    assert "cannot be used at the moment" in placed["problem"], placed
    assert buyer.visitor.seconds < ORDER_SECONDS, buyer.visitor.seconds
    again = buyer.place(how, "pointsync_tests")
    assert again["problem"] == "", again
    found = buyer.order(again["id"])
    assert (float(found["total"]), found["row"]["hold_state"]) == (50.0, ""), found
    buyer.has(500)
    assert buyer.held() == 0


@on_both
def case_pointsync_down_after(w: World, how: str) -> None:
    """The points are held, then PointSync is away while the order is paid, and refunded in part."""
    buyer = Buyer(w, f"down-after-{how}")
    w.do("options", set={"pointsync_tests_payment": "pending"})
    placed = buyer.buy(how, "pointsync_tests")
    assert placed["problem"] == "", placed
    w.member.site.kill()
    try:
        w.do("status", id=placed["id"], status="processing")
        assert buyer.order(placed["id"])["row"]["taken"] == "0"
        w.do("refund", id=placed["id"], amount="15", lines=[["line_item", 0, 0, "15"]])
        buyer.order(placed["id"])
    finally:
        w.member.site.start()
    found = buyer.order(placed["id"])
    assert (found["row"]["taken"], found["row"]["returned"]) == ("200", "100"), found
    buyer.has(400)


def case_pointsync_restored_with_points_spent(w: World) -> None:
    """PointSync comes back from yesterday: what points have paid since is taken again."""
    early, late = Buyer(w, "restored-early"), Buyer(w, "restored-late")
    first = early.buy("classic", "pointsync_tests")
    early.order(first["id"])
    early.has(300)
    site = w.member.site
    backup = site.data_dir / "points-of-yesterday.zip"
    backup.unlink(missing_ok=True)
    site.cli("backup", str(backup))
    second = late.buy("block", "pointsync_tests")
    late.order(second["id"])
    late.has(300)
    w.do("refund", id=first["id"], amount="15", lines=[["line_item", 0, 0, "15"]])
    early.order(first["id"])
    early.has(400)
    site.kill()
    site.cli("restore", str(backup))
    site.start()
    site.cli("confirm", "restored")
    wait_until(lambda: _settle(w, late) == 300, 60, "what the late order has spent")
    early.has(400)
    w.do("refund", id=second["id"], amount="30", lines=[["line_item", 0, 1, "30"]])
    late.order(second["id"])
    late.has(500)


def case_shop_restored_with_points_spent(w: World) -> None:
    """The shop's database comes back from an hour ago: the points follow the orders that it has now."""
    kept, lost = Buyer(w, "shop-restored"), Buyer(w, "shop-lost")
    first = kept.buy("classic", "pointsync_tests")
    kept.order(first["id"])
    kept.has(300)
    dump = dump_database(w)
    w.do("refund", id=first["id"], amount="15", lines=[["line_item", 0, 0, "15"]])
    kept.order(first["id"])
    kept.has(400)
    second = lost.buy("block", "pointsync_tests")
    lost.order(second["id"])
    lost.has(300)
    load_database(w, dump)
    w.do("settle")
    w.do("settle")
    lost.has(500)  # the order does not exist any more
    kept.has(300)  # nor does the refund
    w.do("refund", id=first["id"], amount="30", lines=[["line_item", 0, 1, "30"]])
    kept.order(first["id"])
    kept.has(500)


def _settle(w: World, buyer: Buyer) -> int | None:
    w.do("settle")
    return w.member.points(buyer.email)

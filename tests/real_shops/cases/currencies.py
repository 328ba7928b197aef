"""Earning and spending in currencies without decimals and with three."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.real_shops.buyer import Buyer, fill_cart, on_both
from tests.real_shops.world import World


@contextmanager
def _currency(w: World, code: str, decimals: int, price: str) -> Iterator[int]:
    """The shop sells in another currency meanwhile; a product at this price."""
    w.do("options", set={"woocommerce_currency": code, "woocommerce_price_num_decimals": str(decimals)})
    try:
        yield w.do("product", name=f"Mug in {code}", price=price)["id"]
    finally:
        w.do("options", set={"woocommerce_currency": "EUR", "woocommerce_price_num_decimals": "2"})


@on_both
def case_yen(w: World, how: str) -> None:
    """400 points pay 400 of 12,800 yen; 160 yen give a point. Half of the goods goes back, then all."""
    with _currency(w, "JPY", 0, "12800") as product:
        buyer = Buyer(w, f"yen-{how}")
        w.do("spending", set={"values": {"JPY": "1"}})
        fill_cart(buyer.visitor, how, product, 400)
        placed = buyer.place(how, "pointsync_tests")
        assert (placed["problem"], float(buyer.order(placed["id"])["total"])) == ("", 12400.0), placed
        w.do("status", id=placed["id"], status="completed")
        buyer.has(500 - 400 + 77)
        w.do("refund", id=placed["id"], amount="6200", lines=[["line_item", 0, 0, "6200"]])
        buyer.order(placed["id"])
        buyer.has(500 - 400 + 200 + 38)
        w.do("refund", id=placed["id"], amount="6200", lines=[["line_item", 0, 1, "6200"]])
        buyer.order(placed["id"])
        buyer.has(500)


@on_both
def case_dinar(w: World, how: str) -> None:
    """A point is worth 0.0055 dinars: 200 pay 1.100 of 12.345. A dinar gives 3.5 points."""
    with _currency(w, "KWD", 3, "12.345") as product:
        buyer = Buyer(w, f"dinar-{how}")
        w.do("spending", set={"values": {"KWD": "0.0055"}})
        fill_cart(buyer.visitor, how, product, 200)
        placed = buyer.place(how, "pointsync_tests")
        assert (placed["problem"], float(buyer.order(placed["id"])["total"])) == ("", 11.245), placed
        w.do("status", id=placed["id"], status="completed")
        buyer.has(500 - 200 + 39)
        w.do("refund", id=placed["id"], amount="5.000", lines=[["line_item", 0, 0, "5.000"]])
        buyer.order(placed["id"])
        buyer.has(500 - 200 + 88 + 21)

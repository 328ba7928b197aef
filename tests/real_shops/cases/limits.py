"""How many points a cart may use."""

from tests.real_shops.buyer import Buyer
from tests.real_shops.world import World


def case_limits(w: World) -> None:
    """Steps, a minimum, a maximum, a part of the goods, an excluded product, other coupons."""
    buyer = Buyer(w, "limits")
    visitor = buyer.visitor
    w.do("spending", set={"step": 100, "minimum": 200, "maximum": 300, "percent": 100, "products": [w.cup]})
    visitor.store_add(w.mug)
    visitor.store_add(w.cup)
    cart = visitor.store_use_points(999).json()
    assert cart["extensions"]["pointsync"]["used"] == 300, cart["extensions"]
    assert cart["totals"]["total_price"] == "5333", cart["totals"]
    w.do("spending", set={"percent": 45})  # 45 % of the mug's 50
    cart = visitor.store("GET", "/cart").json()
    assert cart["extensions"]["pointsync"]["used"] == 200, cart["extensions"]
    w.do("spending", set={"percent": 30})
    cart = visitor.store("GET", "/cart").json()
    assert cart["extensions"]["pointsync"]["used"] == 0, cart["extensions"]
    assert cart["totals"]["total_price"] == "8333", cart["totals"]
    w.do("spending", set={"percent": 100, "minimum": 0, "maximum": 0, "step": 1, "products": []})
    visitor.store("POST", "/cart/apply-coupon", {"code": "tenth" + w.run})
    cart = visitor.store_use_points(500).json()  # 83.33 - 8.33
    assert (cart["extensions"]["pointsync"]["used"], cart["totals"]["total_price"]) == (500, "2500"), cart["totals"]
    w.do("spending", set={"combinable": False})
    visitor.store("DELETE", "/cart/coupons")
    visitor.store("POST", "/cart/apply-coupon", {"code": "tenth" + w.run})
    cart = visitor.store_use_points(100).json()
    assert [each["code"].startswith("points-") for each in cart["coupons"]] == [True], cart["coupons"]
    w.do("spending", set={"values": {}})
    cart = visitor.store("GET", "/cart").json()
    assert (cart["extensions"]["pointsync"]["state"], cart["totals"]["total_price"]) == ("none", "8333"), cart
    w.do("spending", set={"values": {"EUR": "0.1"}, "combinable": True})
    w.do("options", set={"woocommerce_enable_coupons": "no"})
    assert visitor.store("GET", "/cart").json()["extensions"]["pointsync"]["state"] == "none"
    w.do("options", set={"woocommerce_enable_coupons": "yes"})

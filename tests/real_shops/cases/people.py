"""Export Personal Data and Erase Personal Data of WordPress, people whom PointSync has erased, and guests."""

from tests.real_shops.buyer import Buyer
from tests.real_shops.cases.customers import _account, _ask_for_link, _sees
from tests.real_shops.database import dump_database, load_database
from tests.real_shops.visitor import Visitor
from tests.real_shops.world import World


def _named(w: World, email: str) -> list[str]:
    """The rows of the plugin in the shop that name somebody."""
    rows: list[str] = w.do("who_is_named", email=email)["rows"]
    return rows


def _erase_in_pointsync(w: World, email: str) -> None:
    """An admin of PointSync erases the person at once, and the shop reports its state, as each hour."""
    w.forget()
    w.member.site.cli("customer", "erase", email)
    w.do("state_report")
    w.shop.tick()


def case_a_guest_who_registers_later(w: World) -> None:
    """The points of a guest's order are there as soon as the account has verified the address."""
    email = w.who("guest")
    order = w.order(email, [[w.mug, 1]], status="completed")
    w.check(email, [order], 50)
    account, visitor = _account(w, email)
    w.do("settle")
    assert w.do("verified", id=account)["address"] is None
    assert "pointsync-number" not in visitor.get("/my-account/points/")
    visitor.get(_ask_for_link(w, visitor, email))
    w.do("settle", queue=True)
    _sees(visitor, 50)
    w.do("status", id=order, status="refunded")
    w.check(email, [order], 0)


def case_export_of_what_is_stored(w: World) -> None:
    """The exporter gives the balance, the history and the verified address."""
    buyer = Buyer(w, "exported")
    order = buyer.buy("classic", "pointsync_tests")
    assert order["problem"] == "", order
    buyer.order(order["id"])
    buyer.has(300)
    found = w.do("export_person", email=buyer.email.upper())
    groups = found["groups"]
    [balance] = groups["pointsync-balances"]
    assert (balance["Points reserve"], balance["Points"]) == ("default", "300"), balance
    assert {row["Points"] for row in groups["pointsync-movements"]} == {"500", "-200"}
    assert groups["pointsync-verified"][0]["Address"] == buyer.email
    assert not w.do("export_person", email=w.who("nobody"))["groups"]
    with w.frozen():
        assert "PointSync" in w.do("export_person", email=buyer.email)["error"]


def case_erased_in_wordpress(w: World) -> None:
    """WordPress's eraser asks PointSync, which waits a day, and removes the address from the plugin's tables."""
    buyer = Buyer(w, "eraser")
    order = buyer.buy("classic", "pointsync_tests")
    assert order["problem"] == "", order
    w.do("status", id=order["id"], status="completed")
    buyer.order(order["id"])
    buyer.has(330)
    w.do("name_everywhere", email=buyer.email)
    assert len(_named(w, buyer.email)) > 8, _named(w, buyer.email)
    first, last = w.do("erase_person", email=buyer.email)["pages"]
    assert first["items_removed"]
    assert first["items_retained"]
    [message] = first["messages"]
    [erasure] = [
        each
        for each in w.member.site.api("GET", "/api/v1/erasures", key=w.member.key).body["erasures"]
        if each["customer"] == buyer.email
    ]
    assert f"number of the erasure is {erasure['id']}" in message, message
    assert last == {"items_removed": True, "items_retained": False, "messages": [], "done": True}
    assert _named(w, buyer.email) == []
    found = buyer.order(order["id"])
    assert (found["row"]["email"], found["row"]["taken"]) == ("", "200")
    assert "a customer who was erased" in w.do("box", id=order["id"])["html"]
    w.do("refund", id=order["id"], amount="30", items={})
    _erase_in_pointsync(w, buyer.email)
    found = buyer.order(order["id"])
    assert (found["row"]["problem"], found["row"]["returned"]) == ("", "0"), found["row"]
    assert _named(w, buyer.email) == []
    assert w.member.points(buyer.email) is None
    again = w.do("erase_person", email=buyer.email)["pages"]
    assert [page["messages"] for page in again] == [[], []], again


def case_erased_in_wordpress_while_pointsync_is_down(w: World) -> None:
    """The admin reads that PointSync was not asked."""
    email = w.who("unasked")
    w.member.record(email, 10)
    w.expect(email, 10)
    with w.frozen():
        first, _ = w.do("erase_person", email=email)["pages"]
    assert first["items_retained"]
    assert "once more" in first["messages"][0], first
    w.do("hurry")


def case_an_order_without_personal_data_keeps_its_points(w: World) -> None:
    """WooCommerce removes the personal data of orders; what they have given stays where it is, and nothing is left."""
    email = w.who("anonymous")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.check(email, [order], 100)
    w.do("erase_person", email=email, orders=True)
    w.do("tick")
    w.wait_points(email, 100)
    w.do("refund", id=order, amount="30")
    w.do("tick")
    w.wait_points(email, 70)
    assert w.member.points("deleted@site.invalid") is None
    _erase_in_pointsync(w, email)
    assert w.member.points(email) is None
    found = [line[:300] for line in dump_database(w).split(b"\n") if email.encode() in line]
    assert not found, "the whole database"


def case_erased_in_pointsync(w: World) -> None:
    """The shop forgets who was erased in PointSync, also if its database comes back from before."""
    buyer = Buyer(w, "forgotten")
    order = buyer.buy("block", "pointsync_tests")
    assert order["problem"] == "", order
    buyer.order(order["id"])
    kept = w.who("kept")
    w.member.record(kept, 5, reason=f"A gift of {buyer.email}")
    w.do("name_everywhere", email=buyer.email)
    w.shop.tick()
    dump = dump_database(w)
    _erase_in_pointsync(w, buyer.email)
    assert _named(w, buyer.email) == []
    assert "pointsync-number" not in buyer.visitor.get("/my-account/points/")
    w.wait_points(kept, 5)
    load_database(w, dump)
    assert _named(w, buyer.email)
    w.do("state_report")
    w.shop.tick()
    assert _named(w, buyer.email) == []
    w.expect(kept, 5)


def case_somebody_else_gets_the_address(w: World) -> None:
    """Who uses an erased address later is a new customer, of whom nothing is forgotten."""
    email = w.who("second")
    w.member.record(email, 500)
    w.shop.wait_balance(email, 500)
    w.member.site.cli("customer", "erase", email)
    order = w.order(email, [[w.mug, 1]], status="completed")
    w.check(email, [order], 50)
    w.do("state_report")
    w.shop.tick()
    w.shop.wait_balance(email, 50)
    account, _ = _account(w, email)
    visitor = Visitor(w.shop.url)
    visitor.sign_in(email, "a-Pass-of-1")
    visitor.get(_ask_for_link(w, visitor, email))
    w.do("day")
    w.do("settle", queue=True)
    assert w.do("verified", id=account)["address"] == email
    page = visitor.get("/my-account/points/")
    assert 'pointsync-number">50<' in page
    assert ">500<" not in page

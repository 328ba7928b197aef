"""A customer with points, who buys a mug and pays a part of it with them."""

import html
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.real_shops.visitor import Visitor
from tests.real_shops.world import World

PASSWORD = "a-Pass-of-1"
BALANCE, POINTS = 500, 200
"""What each customer has, and what each order uses: 20 of the mug's 50."""
SETTINGS: dict[str, Any] = {
    "values": {"EUR": "0.1"},
    "minimum": 0,
    "maximum": 0,
    "percent": 100,
    "step": 1,
    "products": [],
    "combinable": True,
}
"""How points are spent in the cases, unless one changes it."""


class Buyer:
    """A customer with a verified address and 500 points, and one session."""

    def __init__(self, world: World, name: str, points: int = BALANCE) -> None:
        self.world = world
        self.email = world.who(name)
        world.member.record(self.email, points)
        world.expect(self.email, points)
        found = world.do("buyer", email=self.email, settings=SETTINGS)
        if found["points"] != points:  # another request was reading the feed
            world.shop.wait_balance(self.email, points)
        self.id = found["id"]
        self.visitor = self.new_session()

    def new_session(self) -> Visitor:
        """Another browser in which the customer is signed in."""
        visitor = Visitor(self.world.shop.url)
        visitor.sign_in(self.email, PASSWORD)
        return visitor

    def buy(self, how: str, method: str, points: int = POINTS, visitor: Visitor | None = None) -> dict[str, Any]:
        """Buy a mug with points. What the shop knows of the order; `problem` is what the customer read."""
        visitor = visitor or self.visitor
        fill_cart(visitor, how, self.world.mug, points)
        return self.place(how, method, visitor)

    def place(self, how: str, method: str, visitor: Visitor | None = None) -> dict[str, Any]:
        """Place the order of the present cart."""
        visitor = visitor or self.visitor
        order_id = 0
        if how == "classic":
            answer = visitor.checkout(method)
            problem = "" if answer["result"] == "success" else plain(answer.get("messages", ""))
            if not problem:
                [order_id] = map(int, re.findall(r"order-received/(\d+)", answer["redirect"]))
        else:
            response = visitor.store_checkout(method)
            body = response.json()
            is_paid = response.status_code == 200 and body.get("payment_result", {}).get("payment_status") != "failure"
            problem = "" if is_paid else plain(body.get("message", "payment failed"))
            order_id = body.get("order_id", 0)
        return {"id": order_id or self.orders()[0], "problem": problem}

    def try_to_place(self, how: str, method: str, visitor: Visitor) -> None:
        """Place the order of the present cart, if there is one still."""
        if how == "classic":
            with suppress(AssertionError):  # the other window has emptied the cart
                visitor.checkout(method)
        else:
            visitor.store_checkout(method)

    def orders(self) -> list[int]:
        """The ids of the customer's orders, newest first."""
        ids: list[int] = self.world.do("newest_order", email=self.email)["ids"]
        return ids

    def order(self, order_id: int) -> dict[str, Any]:
        """What the shop knows of an order and its points, when everything is settled."""
        found: dict[str, Any] = self.world.do("settle", id=order_id)
        return found

    def has(self, points: int) -> None:
        """The balance in PointSync is right now; the end of the case checks it everywhere."""
        self.world.wait_points(self.email, points, 10)

    def held(self) -> int:
        """The points that are held in PointSync."""
        answer = self.world.member.site.api("GET", f"/api/v1/customers/{self.email}", key=self.world.member.key)
        return int(next((each.get("held", 0) for each in answer.body["balances"]), 0))


def fill_cart(visitor: Visitor, how: str, product: int, points: int) -> None:
    """A product in the cart, and points to use."""
    if how == "classic":
        visitor.add(product)
        page = visitor.use_points(str(points))
        assert f"{points} points" in page, plain(page)[:3000]
    else:
        visitor.store_add(product)
        answer = visitor.store_use_points(points)
        assert answer.status_code == 200, answer.text
        assert answer.json()["extensions"]["pointsync"]["used"] == points


def plain(text: str) -> str:
    """What people read of some HTML."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))).strip()


def on_both(case: Callable[[World, str], None]) -> Callable[[World], None]:
    """The case on the classic pages, and with the Store API of the blocks."""

    def run(world: World) -> None:
        for how in ("classic", "block"):
            case(world, how)

    run.__name__, run.__module__, run.__doc__ = case.__name__, case.__module__, case.__doc__
    return run

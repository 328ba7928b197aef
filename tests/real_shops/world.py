"""A shop beside its PointSync site, and the other sites of the family: what a case works with."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.real_shops.shop import Shop
from tests.real_shops.worth import worth
from tests.support.family import Member
from tests.support.process import wait_until

LEDGER_SECONDS = 20
RULE = (
    *("--rate", "1", "--currency", "USD=0.9", "--currency", "JPY=1/160", "--currency", "KWD=3.5"),
    *("--status", "completed", "--status", "picked-up"),
)


class Skipped(Exception):
    """The shop does not have what a case needs; the message says what."""


class World:
    """One shop, connected with `member`; `others` are the other sites of the family."""

    def __init__(self, shop: Shop, member: Member, others: Sequence[Member], run: str) -> None:
        self.shop, self.member, self.others, self.run = shop, member, others, run
        self._count = 0
        self._expected: dict[str, int] = {}

    def connect(self) -> None:
        """Set the rule in PointSync, and paste a code into the shop."""
        self.shop.do("disconnect")
        problem = self.shop.do("connect", code=self.make_code("--reserve", "default", *RULE))["problem"]
        assert problem == "", problem

    def make_code(self, *options: str) -> str:
        """A code for this shop, as System › Shops shows it. `options` say how the orders of a new shop count."""
        return str(self.member.site.cli("shop", "connect", self.shop.name, *options)["code"])

    def stock(self) -> None:
        """Products, coupons and a tax of 19 %."""
        do = self.shop.do
        do("options", set={"woocommerce_currency": "EUR", "woocommerce_price_num_decimals": "2"})
        do("tax", rate="19.0000")
        self.mug = do("product", name="Mug", price="50")["id"]
        self.tea = do("product", name="Tea", price="19.99", tax=True)["id"]
        self.cup = do("product", name="Cup", price="33.33")["id"]
        self.book = do("product", name="Book", price="119", tax=True)["id"]
        for code, kind, amount in (("tenth", "percent", "10"), ("five", "fixed_cart", "5"), ("all", "percent", "100")):
            do("coupon", code=code + self.run, type=kind, amount=amount)

    def who(self, name: str) -> str:
        """The address of a new customer."""
        self._count += 1
        return f"{name}-{self.run}-{self._count}@example.com"

    def order(self, email: str, items: Sequence[Sequence[Any]], **more: Any) -> int:
        """A new order; its id. `items` are product, quantity and, if you like, the total."""
        return int(self.shop.do("order", email=email, items=items, **more)["id"])

    def do(self, action: str, **arguments: Any) -> Any:
        """An action in the shop."""
        return self.shop.do(action, **arguments)

    def check(self, email: str, orders: Sequence[int], points: int, others: Mapping[str, int] | None = None) -> None:
        """Wait until the customer has these points in PointSync. They are what the orders are worth, too."""
        computed = sum(worth(state) for state in self.shop.do("states", ids=list(orders)))
        assert computed == points, f"the orders {orders} are worth {computed}, the case says {points}"
        for customer, expected in {email: points, **(others or {})}.items():
            self.wait_points(customer, expected)

    def wait_points(self, email: str, points: int, seconds: float = LEDGER_SECONDS) -> None:
        """Wait until PointSync has this balance; the case's end checks it everywhere."""
        self._expected[email.lower()] = points
        wait_for_points(self.member, email, points, seconds)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """PointSync takes calls and answers none."""
        process = self.member.site.process
        assert process is not None
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGCONT)

    def expect(self, email: str, points: int) -> None:
        """The case's end checks this balance everywhere."""
        self._expected[email.lower()] = points

    def forget(self) -> None:
        """Expect nothing any more: the case has failed."""
        self._expected = {}

    def finish(self) -> None:
        """Check every customer of the case: in all sites of the family, and in the shop's own table."""
        expected, self._expected = self._expected, {}
        for member in (self.member, *self.others):
            for email, points in expected.items():
                wait_for_points(member, email, points, LEDGER_SECONDS)
        if expected:
            self.shop.tick()
            shown = self.shop.do("balances", emails=list(expected))
            assert shown == expected, f"the shop shows {shown} instead of {expected}"


def wait_for_points(member: Member, email: str, points: int, seconds: float) -> None:
    """Wait until a site has this balance."""
    found: list[int] = []

    def is_right() -> bool:
        found[:] = [member.points(email) or 0]
        return found == [points]

    try:
        wait_until(is_right, seconds, "")
    except AssertionError:
        raise AssertionError(f"{member.name} has {found[0]} points of {email} instead of {points}") from None

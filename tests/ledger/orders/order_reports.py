"""Steps: a shop reports orders, and what customers have from them."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from pointsync import db
from pointsync.email_address import parse
from pointsync.ledger.orders import shops
from pointsync.ledger.orders.report import FEE, ITEM, SHIPPING, OrderLine, OrderReport, Refund, RefundedLine
from pointsync.ledger.orders.rule import OrderRule
from pointsync.ledger.orders.settle import Settlement, settle
from pointsync.models import Balance, Customer
from tests.support.apps import get_reserve
from tests.support.moving_clock import START

ANNA, BOB = "anna@shop.example", "bob@shop.example"
ADDRESS = "shop.example"


def money(text: str | int) -> Fraction:
    """An exact amount."""
    return Fraction(text)


def item(total: str, tax: str = "0", **fields: Any) -> OrderLine:
    """A line of goods."""
    return OrderLine(ITEM, **({"id": 1} | fields), total=money(total), tax=money(tax))


def fee(total: str, tax: str = "0") -> OrderLine:
    """A fee; below 0 it is a discount."""
    return OrderLine(FEE, 2, money(total), money(tax))


def shipping(total: str, tax: str = "0") -> OrderLine:
    """A line of shipping."""
    return OrderLine(SHIPPING, 3, money(total), money(tax))


def refund(total: str, *lines: RefundedLine, id: int = 20, is_known: bool = False) -> Refund:
    """A refund of this much money; its lines are known if there are any, or with `is_known`."""
    return Refund(id, money(total), "", lines if lines or is_known else None)


def refunded(kind: str, total: str, tax: str = "0", line_id: int | None = None) -> RefundedLine:
    """A refunded line."""
    return RefundedLine(kind, line_id, money(total), money(tax))


def report(*lines: OrderLine, total: str | None = None, **fields: Any) -> OrderReport:
    """A completed order of Anna's with these lines, by default one of 100; `total` is what they add up to."""
    lines = lines or (item("100"),)
    amount = sum((line.with_tax for line in lines), Fraction(0)) if total is None else money(total)
    values: dict[str, Any] = {"id": 17, "status": "completed", "currency": "EUR", "customer": ANNA}
    values |= {"total": amount, "lines": lines} | fields
    if values["customer"] is not None:
        values["customer"] = parse(values["customer"])
    return OrderReport(**values)


def tell(what: OrderReport, now: datetime = START, reserve: str = "default", **options: Any) -> Settlement:
    """Let the shop report an order, in a transaction of its own."""
    rule = options.pop("rule", OrderRule())

    def run(session: Any) -> Settlement:
        shop = shops.find_by_address(session, ADDRESS) or shops.create(session, ADDRESS, START)
        return settle(session, what, shop=shop, reserve=get_reserve(session, reserve), rule=rule, now=now, **options)

    return db.run_in_transaction(run)


def points_of_all() -> dict[str, int]:
    """The customers with points, and how many."""
    with db.transaction() as session:
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        return {email: points for email, points in session.execute(query) if points}


def at(seconds: int) -> datetime:
    """A time of the shop."""
    return START + timedelta(seconds=seconds)

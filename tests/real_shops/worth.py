"""What an order is worth, computed beside the product with exact fractions from what the shop's REST API prints."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

RATES = {"EUR": Fraction(1), "USD": Fraction(9, 10), "JPY": Fraction(1, 160), "KWD": Fraction(7, 2)}
"""Points for each unit of the goods, by currency. Others do not count."""
STATUSES = ("completed", "picked-up")


def worth(state: Mapping[str, Any]) -> int:
    """The points of an order by the manual's *What an order is worth*, base *goods*. `state` is `driver_state`'s."""
    if state["status"] != 200:
        return 0
    order = state["order"]
    rate = RATES.get(order["currency"])
    total = _money(order["total"])
    if order["status"] not in STATUSES or order["parent_id"] or rate is None or total <= 0:
        return 0
    money, goods, rest = total, _goods(order, total), Fraction(0)
    for refund in state["refunds"]:
        covered = Fraction(0)
        for name in ("line_items", "fee_lines", "shipping_lines"):
            for line in refund.get(name, []):
                covered += abs(_money(line["total"])) + abs(_money(line["total_tax"]))
                if name != "shipping_lines":
                    goods -= abs(_money(line["total"]))
        money -= covered
        rest += max(Fraction(0), _money(refund["amount"]) - covered)
    if money <= 0 or goods <= 0:
        return 0
    return max(0, math.floor(goods * (money - min(money, rest)) / money * rate))


def _goods(order: Mapping[str, Any], total: Fraction) -> Fraction:
    """Items and fees without tax; only a part of them if a gift card has paid the rest."""
    goods = [*order["line_items"], *order["fee_lines"]]
    lines = [*goods, *order["shipping_lines"]]
    printed = sum((_money(line["total"]) + _money(line["total_tax"]) for line in lines), Fraction(0))
    amount = sum((_money(line["total"]) for line in goods), Fraction(0))
    unit = Fraction(1, 10 ** len(order["total"].partition(".")[2]))
    return amount * total / printed if printed > 0 and printed - total > unit * len(lines) else amount


def _money(value: Any) -> Fraction:
    return Fraction(str(value)) if value not in (None, "") else Fraction(0)

"""What makes an order count, and how much: a rule, as text for the database, and why an order does not count. Pure."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Self

from pointsync.ledger.orders.report import OrderReport

GOODS, GOODS_WITH_TAX, TOTAL = "goods", "goods+tax", "total"
BASES = (GOODS, GOODS_WITH_TAX, TOTAL)
OWN_CURRENCY = ""
"""In rates: the shop's own currency, which is that of its first counted order."""
ANY_CURRENCY = "*"
"""In rates: orders from the time when the currency did not matter."""
NEVER_COUNTED = frozenset({"auto-draft", "checkout-draft", "trash"})
PAID_STATUSES = ("processing", "completed")
"""A completed order was paid before, so these two mean *paid*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """The rule of a hook or a shop for one points reserve."""

    base: str = GOODS
    """`goods`: items and fees, without tax. `goods+tax`: with their tax. `total`: what the customer pays."""
    statuses: tuple[str, ...] = ("completed",)
    """The statuses in which an order counts."""
    rates: Mapping[str, Fraction] = field(default_factory=lambda: {OWN_CURRENCY: Fraction(1)})
    """Points per unit of money, by currency."""
    counts_from: datetime | None = None
    """Orders created before do not count; None: all count."""
    counts_children: bool = False
    """Whether orders that have a parent order count."""
    excluded_products: frozenset[int] = frozenset()
    """Ids of products or variations."""
    excluded_categories: frozenset[int] = frozenset()
    excluded_roles: frozenset[str] = frozenset()
    excludes_sale_items: bool = False
    excludes_gift_cards: bool = False
    minimums: Mapping[str, Fraction] = field(default_factory=dict)
    """The lowest amount that counts, before refunds, by currency as in `rates`."""

    def rate_for(self, currency: str, own_currency: str) -> Fraction | None:
        """The points per unit of this currency, or None. An empty code means that it is not known."""
        return _find(self.rates, currency, own_currency)

    def minimum_for(self, currency: str, own_currency: str) -> Fraction | None:
        """The lowest amount that counts, or None."""
        return _find(self.minimums, currency, own_currency)

    def frozen_for(self, currency: str, own_currency: str) -> Self:
        """This rule as it stays with an order: with the rates that it has today, by their currencies."""
        own = own_currency or currency
        named = {code or own: rate for code, rate in self.rates.items()}
        return replace(self, rates=named | {code: self.rates[code] for code in self.rates if code})

    def to_text(self) -> str:
        """The rule as JSON: the same rule always has the same text."""
        return json.dumps({each.name: _encode(getattr(self, each.name)) for each in fields(self)}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str | None) -> Self:
        """The rule from `to_text`. Fields that the text does not have get their defaults."""
        values = json.loads(text) if text else {}
        names = {each.name for each in fields(cls)}
        return cls(**{name: _decode(name, value) for name, value in values.items() if name in names})


def find_obstacle(report: OrderReport, rule: OrderRule) -> str | None:
    """Why an order does not count, as a sentence; None if it counts.

    Whether there is a rate for its currency, and a customer, is for the caller.
    """
    if report.is_deleted:
        return f"{report.label} was deleted in the shop."
    if report.status in NEVER_COUNTED or report.status not in rule.statuses:
        return f"{report.label} is {report.status or 'without a status'}. {_when_it_counts(rule.statuses)}"
    if report.parent_id and not rule.counts_children:
        return f"{report.label} is a part of order {report.parent_id}, so it does not count by itself."
    if rule.counts_from and report.created_at and report.created_at < rule.counts_from:
        return f"{report.label} is from before {rule.counts_from:%-d %b %Y}, when this shop's orders began to count."
    if report.roles and report.roles & rule.excluded_roles:
        return f"{report.label} is from a customer whose role does not earn points."
    return None


def statuses_for(names: Collection[str]) -> tuple[str, ...]:
    """The statuses that an admin means: `processing` alone means paid, so it includes completed."""
    unique = tuple(dict.fromkeys(names))
    return PAID_STATUSES if unique == ("processing",) else unique


def _when_it_counts(statuses: tuple[str, ...]) -> str:
    wanted = "paid" if statuses == PAID_STATUSES else " or ".join(statuses)
    return f"It gives points while it is {wanted}."


def _find(amounts: Mapping[str, Fraction], currency: str, own_currency: str) -> Fraction | None:
    if currency and currency in amounts:
        return amounts[currency]
    if not currency or not own_currency or currency == own_currency:
        own = amounts.get(OWN_CURRENCY)
        if own is not None:
            return own
        if not currency and own_currency in amounts:
            return amounts[own_currency]
        if not currency and len(amounts) == 1:
            return next(iter(amounts.values()))
    return amounts.get(ANY_CURRENCY)


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {code: str(amount) for code, amount in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def _decode(name: str, value: Any) -> Any:
    if name in ("rates", "minimums"):
        return {code: Fraction(amount) for code, amount in value.items()}
    if name == "statuses":
        return tuple(value)
    if name == "counts_from":
        return datetime.fromisoformat(value) if value else None
    return frozenset(value) if isinstance(value, list) else value

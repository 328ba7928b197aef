"""The rule of a hook for orders: as the engine needs it, and as a text for people."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.rule import ANY_CURRENCY, GOODS_WITH_TAX, PAID_STATUSES, TOTAL, OrderRule
from pointsync.models import Hook, Shop
from pointsync.woocommerce.rule_input import RATE_DECIMALS

_BASE_TEXTS = {TOTAL: "the order's total", GOODS_WITH_TAX: "the goods with tax"}


def rounded_rate(rule: OrderRule) -> Decimal:
    """The rate as the column of the hook has room for it."""
    rate = next(iter(rule.rates.values()))
    rounded = round(Decimal(rate.numerator) / Decimal(rate.denominator), RATE_DECIMALS)
    return max(rounded, Decimal(1).scaleb(-RATE_DECIMALS))


def rule_of(session: Session, hook: Hook, shop: Shop | None) -> OrderRule:
    """The rule of a hook for the orders of its shop.

    A hook that was created again counts from the day on which the shop's first hook was created.
    """
    rule = OrderRule.from_text(hook.order_rule)
    if shop is None or rule.counts_from is None or rule.counts_from != hook.created_at:
        return rule
    first = session.scalar(select(func.min(Hook.created_at)).where(Hook.shop_id == shop.id, Hook.rule == "orders"))
    return replace(rule, counts_from=min(first, hook.created_at)) if first else rule


def early_sources(session: Session, hook: Hook | None, shop: Shop) -> list[EarlySource]:
    """The hooks that may have recorded this shop's orders before orders had rows. All of them counted the total."""
    is_of_shop = Hook.shop_id == shop.id if hook is None else (Hook.shop_id == shop.id) | (Hook.id == hook.id)
    sources = []
    for each in session.scalars(select(Hook).where(Hook.early_rule.is_not(None), is_of_shop).order_by(Hook.id)):
        rule = OrderRule.from_text(each.early_rule)
        # Neither the currency nor the date of an order mattered then.
        rates = {ANY_CURRENCY: next(iter(rule.rates.values()))}
        sources.append(EarlySource(f"hook:{each.name}", replace(rule, rates=rates, counts_from=None), each.created_at))
    return sources


def describe(hook: Hook) -> str:
    """What a hook counts, for the panel."""
    if hook.rule == "movements":
        return "Movements of the shop plugin"
    rule = OrderRule.from_text(hook.order_rule)
    base = _BASE_TEXTS.get(rule.base, "the goods without tax and shipping")
    when = "paid (processing)" if rule.statuses == PAID_STATUSES else " or ".join(rule.statuses)
    rates = ", ".join(_describe_rate(code, rate, base) for code, rate in rule.rates.items())
    parts = [f"{rates}, once {when}; refunds and changes are taken into account"]
    if rule.minimums:
        parts.append(f"from {amounts_text(rule.minimums)}")
    if rule.excluded_products:
        count = len(rule.excluded_products)
        parts.append(f"without {count} {'product' if count == 1 else 'products'}")
    return "; ".join(parts)


def amounts_text(amounts: Mapping[str, Fraction]) -> str:
    """Amounts by currency as people write them: `20, USD=25`. `rule_input` reads it."""
    return ", ".join(f"{code}={rate_text(amount)}" if code else rate_text(amount) for code, amount in amounts.items())


def rate_text(rate: Fraction) -> str:
    """A rate as people write it: 0.5, or 1/3 if decimals cannot say it."""
    decimals = f"{Decimal(rate.numerator) / Decimal(rate.denominator):.6f}".rstrip("0").rstrip(".")
    return decimals if Fraction(decimals) == rate else f"{rate.numerator}/{rate.denominator}"


def _describe_rate(code: str, rate: Fraction, base: str) -> str:
    unit = f"{code} of {base}" if code else f"unit of {base}"
    text = rate_text(rate)
    shown = text if "/" in text else f"{Decimal(text):,f}"
    return f"{shown} {'point' if rate == 1 else 'points'} per {unit}"

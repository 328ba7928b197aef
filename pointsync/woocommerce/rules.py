"""The rule of a hook for orders: what an admin typed, checked; as the engine needs it; and as a text for people."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput
from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.rule import (
    ANY_CURRENCY,
    BASES,
    GOODS_WITH_TAX,
    NEVER_COUNTED,
    OWN_CURRENCY,
    PAID_STATUSES,
    TOTAL,
    OrderRule,
    statuses_for,
)
from pointsync.models import Hook, Shop

MAX_RATE = 100_000
RATE_DECIMALS = 6
MAX_STATUSES = 20
UNPAID_STATUSES = NEVER_COUNTED | {"pending", "on-hold", "cancelled", "failed", "refunded"}

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(?: ?/ ?([0-9]{1,9}(?:\.[0-9]{1,6})?))?\Z")
_STATUS = re.compile(r"[a-z0-9_-]{1,20}\Z")
_CURRENCY = re.compile(r"[A-Z0-9]{2,8}\Z")
_BASE_TEXTS = {TOTAL: "the order's total", GOODS_WITH_TAX: "the goods with tax"}


def build(
    *,
    base: str,
    rate: Decimal | str,
    statuses: str | Sequence[str],
    currencies: Mapping[str, str],
    counts_from: datetime | None,
) -> OrderRule:
    """The rule that an admin means. `rate` is for the shop's own currency; with `currencies`, only those count.

    Raises InvalidInput.
    """
    if base not in BASES:
        raise InvalidInput("base", f"The base must be one of {', '.join(BASES)}.")
    own_rate = parse_rate(rate)
    rates = {_check_currency(code): parse_rate(text, "currency") for code, text in currencies.items()}
    return OrderRule(
        base=base,
        statuses=_check_statuses([statuses] if isinstance(statuses, str) else statuses),
        rates=rates or {OWN_CURRENCY: own_rate},
        counts_from=counts_from,
    )


def parse_rate(text: Decimal | str, field: str = "rate") -> Fraction:
    """Points per unit of money, such as 1, 0.5 or 1/3. Raises InvalidInput."""
    match = _RATE.match(str(text).strip()[:40])
    rate = Fraction(match[1]) / Fraction(match[2] or 1) if match and Fraction(match[2] or 1) else Fraction(0)
    if not 0 < rate <= MAX_RATE:
        raise InvalidInput(
            field,
            f"The rate must be above 0, at most {MAX_RATE:,}, with at most {RATE_DECIMALS} decimals, such as 1 or 0.5. "
            "1/3 is one point for 3.",
        )
    return rate


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


def early_sources(session: Session, hook: Hook, shop: Shop) -> list[EarlySource]:
    """The hooks that may have recorded this shop's orders before orders had rows. All of them counted the total."""
    query = select(Hook).where(Hook.rule == "orders", (Hook.shop_id == shop.id) | (Hook.id == hook.id))
    sources = []
    for each in session.scalars(query.order_by(Hook.id)):
        rule = OrderRule.from_text(each.order_rule)
        if rule.base == TOTAL:
            # Neither the currency nor the date of an order mattered then.
            rates = {ANY_CURRENCY: next(iter(rule.rates.values()))}
            sources.append(
                EarlySource(f"hook:{each.name}", replace(rule, rates=rates, counts_from=None), each.created_at)
            )
    return sources


def describe(hook: Hook) -> str:
    """What a hook counts, for the panel."""
    if hook.rule == "movements":
        return "Movements of the shop plugin"
    rule = OrderRule.from_text(hook.order_rule)
    base = _BASE_TEXTS.get(rule.base, "the goods without tax and shipping")
    when = "paid (processing)" if rule.statuses == PAID_STATUSES else " or ".join(rule.statuses)
    rates = ", ".join(_describe_rate(code, rate, base) for code, rate in rule.rates.items())
    return f"{rates}, once {when}; refunds and changes are taken into account"


def rate_text(rate: Fraction) -> str:
    """A rate as people write it: 0.5, or 1/3 if decimals cannot say it."""
    decimals = f"{Decimal(rate.numerator) / Decimal(rate.denominator):,.6f}".rstrip("0").rstrip(".")
    is_exact = Fraction(decimals.replace(",", "")) == rate
    return decimals if is_exact else f"{rate.numerator:,}/{rate.denominator:,}"


def _describe_rate(code: str, rate: Fraction, base: str) -> str:
    unit = f"{code} of {base}" if code else f"unit of {base}"
    return f"{rate_text(rate)} {'point' if rate == 1 else 'points'} per {unit}"


def _check_statuses(names: Sequence[str]) -> tuple[str, ...]:
    statuses = statuses_for([name.strip().removeprefix("wc-") for name in names])
    if not 0 < len(statuses) <= MAX_STATUSES or not all(_STATUS.match(each) for each in statuses):
        bad = True
    else:
        bad = bool(UNPAID_STATUSES & set(statuses))
    if bad:
        raise InvalidInput(
            "status",
            "The status must be one of processing, completed, or a status of the shop's own at which an order is paid.",
        )
    return statuses


def _check_currency(code: str) -> str:
    code = code.strip().upper()
    if not _CURRENCY.match(code):
        raise InvalidInput("currency", "A currency is a code such as EUR.")
    return code

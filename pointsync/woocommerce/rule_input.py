"""The rule of a hook for orders as an admin has typed it, checked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from pointsync.errors import InvalidInput
from pointsync.ledger.orders.rule import BASES, NEVER_COUNTED, OWN_CURRENCY, OrderRule, statuses_for

MAX_RATE = 100_000
RATE_DECIMALS = 6
MAX_STATUSES = 20
MAX_CURRENCIES = 50
MAX_PRODUCTS = 500
MAX_PRODUCT_ID = 2**63 - 1
UNPAID_STATUSES = NEVER_COUNTED | {"pending", "on-hold", "cancelled", "failed", "refunded"}

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(?: ?/ ?([0-9]{1,9}(?:\.[0-9]{1,6})?))?\Z")
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?\Z")
_STATUS = re.compile(r"[a-z0-9_-]{1,20}\Z")
_CURRENCY = re.compile(r"[A-Z0-9]{2,8}\Z")
_PRODUCT = re.compile(r"[0-9]{1,19}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInput:
    """What an admin has typed; None for what was not typed."""

    base: str | None = None
    rate: Decimal | str | None = None
    """Points per unit of the shop's own currency; empty if only the currencies that have a rate count."""
    statuses: str | Sequence[str] | None = None
    currencies: Mapping[str, str] | None = None
    """Rates by the codes of currencies."""
    minimums: Mapping[str, str] | None = None
    """The lowest amounts that count, by currency; an empty code is the shop's own one. 0 is no minimum."""
    excluded_products: Sequence[str] | None = None
    counts_from: datetime | None = None
    counts_all: bool = False
    """All orders count, whenever they were created."""
    counts_children: bool | None = None


def build(typed: RuleInput, default_from: datetime) -> OrderRule:
    """The rule of a new hook. Without a rate, only the currencies that have one count. Raises InvalidInput.

    Orders created before `default_from` do not count, unless something else was typed.
    """
    own_rate = "1" if typed.rate is None and not typed.currencies else typed.rate
    return change(OrderRule(rates={}, counts_from=default_from), replace(typed, rate=own_rate))


def change(rule: OrderRule, typed: RuleInput) -> OrderRule:
    """The rule with what was typed. Raises InvalidInput."""
    rates = _change_rates(rule.rates, typed)
    if typed.base is not None and typed.base not in BASES:
        raise InvalidInput("base", f"The base must be one of {', '.join(BASES)}.")
    counts_from = None if typed.counts_all else typed.counts_from or rule.counts_from
    products = typed.excluded_products
    return replace(
        rule,
        base=typed.base or rule.base,
        statuses=rule.statuses if typed.statuses is None else _check_statuses(typed.statuses),
        rates=rates,
        counts_from=counts_from,
        minimums=rule.minimums if typed.minimums is None else _check_minimums(typed.minimums),
        excluded_products=rule.excluded_products if products is None else _check_products(products),
        counts_children=rule.counts_children if typed.counts_children is None else typed.counts_children,
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


def parse_currencies(texts: Sequence[str]) -> dict[str, str]:
    """Rates by code, each written as `USD=0.9`. Raises InvalidInput."""
    return _split_pairs(texts, "currency", "Write each currency with its rate, such as USD=0.9.", needs_code=True)


def parse_minimums(texts: Sequence[str]) -> dict[str, str]:
    """Amounts by code, written as `USD=25`, or as `20` for the shop's own currency. Raises InvalidInput."""
    return _split_pairs(texts, "minimum", "Write an amount such as 20, or USD=25 for another currency.")


def split_list(text: str) -> list[str]:
    """The items of a list that was typed into one field: separated by spaces, commas or lines."""
    return [each for each in re.split(r"[\s,;]+", text) if each]


def _split_pairs(texts: Sequence[str], field: str, help_text: str, *, needs_code: bool = False) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        before, equals, after = text.strip().partition("=")
        code, amount = (before.strip().upper(), after.strip()) if equals else ("", before)
        if not amount or (needs_code and not equals):
            raise InvalidInput(field, help_text)
        if code or equals:
            code = _check_currency(code, field)
        if code in pairs:
            raise InvalidInput(field, f"{code or 'The own currency'} is named twice. {help_text}")
        pairs[code] = amount
    if len(pairs) > MAX_CURRENCIES:
        raise InvalidInput(field, f"At most {MAX_CURRENCIES} currencies can be named.")
    return pairs


def _change_rates(rates: Mapping[str, Fraction], typed: RuleInput) -> dict[str, Fraction]:
    own = {OWN_CURRENCY: rates[OWN_CURRENCY]} if OWN_CURRENCY in rates else {}
    others = {code: rate for code, rate in rates.items() if code != OWN_CURRENCY}
    if typed.currencies is not None:
        others = {_check_currency(code): parse_rate(text, "currency") for code, text in typed.currencies.items()}
    if typed.rate is not None:
        own = {OWN_CURRENCY: parse_rate(typed.rate)} if typed.rate or not others else {}
    if not own and not others:
        raise InvalidInput("rate", "Give a rate, or the rate of at least one currency.")
    return own | others


def _check_statuses(names: str | Sequence[str]) -> tuple[str, ...]:
    names = [names] if isinstance(names, str) else names
    statuses = statuses_for([name.strip().removeprefix("wc-") for name in names])
    is_valid = 0 < len(statuses) <= MAX_STATUSES and all(_STATUS.match(each) for each in statuses)
    if not is_valid or UNPAID_STATUSES & set(statuses):
        raise InvalidInput(
            "status",
            "The status must be one of processing, completed, or a status of the shop's own at which an order is paid, "
            "such as picked-up.",
        )
    return statuses


def _check_currency(code: str, field: str = "currency") -> str:
    code = code.strip().upper()
    if not _CURRENCY.match(code):
        raise InvalidInput(field, "A currency is a code such as EUR.")
    return code


def _check_minimums(amounts: Mapping[str, str]) -> dict[str, Fraction]:
    minimums = {}
    for code, text in amounts.items():
        if not _AMOUNT.match(text.strip()):
            raise InvalidInput("minimum", "The minimum is an amount such as 20 or 19.90; 0 is no minimum.")
        if amount := Fraction(text.strip()):
            minimums[_check_currency(code, "minimum") if code else OWN_CURRENCY] = amount
    return minimums


def _check_products(ids: Sequence[str]) -> frozenset[int]:
    is_valid = all(_PRODUCT.match(each) and 0 < int(each) <= MAX_PRODUCT_ID for each in ids)
    if not is_valid or len(ids) > MAX_PRODUCTS:
        raise InvalidInput(
            "exclude_product",
            f"Give the ids of products or variations, such as 12, at most {MAX_PRODUCTS}. The shop shows the id in its "
            "list of products.",
        )
    return frozenset(int(each) for each in ids)

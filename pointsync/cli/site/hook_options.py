"""The options of `pointsync hook` for the rule by which orders count."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.errors import InvalidInput

if TYPE_CHECKING:
    from pointsync.woocommerce.rule_input import RuleInput

NOTHING = "none"
"""Empties a list."""
ALL = "all"

_OPTIONS = {
    "rate": "--rate",
    "status": "--status",
    "base": "--base",
    "currency": "--currency",
    "minimum": "--minimum",
    "exclude_product": "--exclude-product",
    "since": "--from",
    "secret": "--secret",
}
_DECORATORS = (
    click.option("--rate", help="Points per unit of the shop's currency, such as 1, 0.5 or 1/3. Default: 1."),
    click.option(
        "--status",
        "statuses",
        multiple=True,
        help="The order status at which points count; can be repeated. Default: completed. processing means paid.",
    ),
    click.option(
        "--base",
        type=click.Choice(["goods", "goods+tax", "total"]),
        help="What counts: the goods without tax and shipping (default), with tax, or the order's total.",
    ),
    click.option(
        "--currency",
        "currencies",
        metavar="CODE=RATE",
        multiple=True,
        help="The rate of a currency; can be repeated. Without --rate, only these currencies count.",
    ),
    click.option(
        "--from", "since", metavar="DATE|all", help="Orders created before this day do not count. Default: now."
    ),
    click.option(
        "--minimum",
        "minimums",
        metavar="AMOUNT",
        multiple=True,
        help="The lowest amount that counts, before refunds; CODE=AMOUNT for another currency.",
    ),
    click.option(
        "--exclude-product",
        "products",
        metavar="ID",
        multiple=True,
        help="The id of a product or variation that gives no points; can be repeated.",
    ),
    click.option(
        "--child-orders/--no-child-orders", "child_orders", default=None, help="Whether orders with a parent count."
    ),
)


def rule_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options. The command gets them as keyword arguments for `read_rule`."""
    for decorator in reversed(_DECORATORS):
        command = decorator(command)
    return command


def is_given(options: dict[str, Any]) -> bool:
    """Whether any option for the rule was given."""
    return any(value not in (None, ()) for value in options.values())


def read_rule(options: dict[str, Any]) -> "RuleInput":
    """What the options say. Call it within `site_context`: a day is one of the site's time zone.

    Raises InvalidInput.
    """
    from pointsync.woocommerce.rule_input import RuleInput, parse_currencies, parse_minimums

    since: str | None = options["since"]
    currencies, minimums = _list_or_none(options["currencies"]), _list_or_none(options["minimums"])
    return RuleInput(
        base=options["base"],
        rate=options["rate"],
        statuses=options["statuses"] or None,
        currencies=None if currencies is None else parse_currencies(currencies),
        minimums=None if minimums is None else parse_minimums(minimums),
        excluded_products=_list_or_none(options["products"]),
        counts_from=None if since in (None, ALL) else _parse_day(since or ""),
        counts_all=since == ALL,
        counts_children=options["child_orders"],
    )


@contextmanager
def named_options() -> Iterator[None]:
    """Let errors about a field name the option."""
    try:
        yield
    except InvalidInput as error:
        option = _OPTIONS.get(next(iter(error.fields), ""))
        if option is None:
            raise
        raise CommandError(f"{option}: {error.message}", EXIT_USAGE) from error


def _list_or_none(texts: Sequence[str]) -> list[str] | None:
    """The items; None if the option was not given, and no items for the word `none`."""
    if not texts:
        return None
    return [] if list(texts) == [NOTHING] else list(texts)


def _parse_day(text: str) -> datetime:
    from pointsync import clock, db
    from pointsync.sync.site import general

    try:
        return clock.parse_input(text, general.get_time_zone(db.session()))
    except ValueError:
        raise InvalidInput("since", f"Give a day such as 2026-01-31, or {ALL}.") from None

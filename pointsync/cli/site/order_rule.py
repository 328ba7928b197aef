"""`pointsync shop rule`: how the orders count that a shop reports by the API."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, transact

BASES = ("goods", "goods+tax", "total")


OPTIONS = (
    click.option("--rate", help="Points per unit of money, such as 1, 0.5 or 1/3. Default: 1."),
    click.option("--status", "statuses", multiple=True, help="An order status that counts. Default: completed."),
    click.option("--base", type=click.Choice(BASES), help="What of an order counts. Default: goods."),
    click.option(
        "--currency",
        "currencies",
        multiple=True,
        metavar="CODE=RATE",
        help="The rate of a currency; can be repeated. Without --rate, only these currencies count.",
    ),
    click.option("--from", "since", metavar="DATE", help="Orders since this day count, or all. Default: from now on."),
)


def rule_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how orders count: `read_rule` reads them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command("rule", cls=Command)
@click.argument("shop", metavar="SHOP")
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", required=True, help="Where the points go.")
@rule_options
@site_context()
def rule(shop: str, reserve_key: str, **options: Any) -> None:
    """Say how the orders of SHOP count, which its program reports by the API (POST /orders).

    SHOP is the shop of an API key: see `pointsync key list`. To change its rule, remove it first: see `pointsync hook
    list` and `pointsync hook remove`. The shop goes on where it was, and orders that have counted keep their rule.
    """
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.woocommerce import api_rule, rules

    vault = get_runtime().vault
    given = read_rule(**options)
    row = transact(
        lambda session: api_rule.add(session, vault, key_shop=shop, reserve_key=reserve_key, now=clock.now(), **given)
    )
    document = {"name": row.name, "shop": row.key_shop, "reserve": row.reserve.key}
    print_result(document, f"{row.key_shop} counts in {row.reserve.key}: {rules.describe(row)}.")


def read_rule(
    rate: str | None, statuses: tuple[str, ...], base: str | None, currencies: tuple[str, ...], since: str | None
) -> dict[str, Any]:
    """The arguments of `api_rule.add` that were given. Raises UsageError."""
    options: dict[str, Any] = {
        "rate": rate,
        "status": statuses or None,
        "base": base,
        "currencies": _parse_currencies(currencies) or None,
        "counts_from": None if since in (None, "all") else _parse_since(str(since)),
        "counts_all": True if since == "all" else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _parse_currencies(texts: tuple[str, ...]) -> dict[str, str]:
    """The rates by currency from `CODE=RATE`. Raises UsageError."""
    pairs = [text.partition("=") for text in texts]
    if not all(code and rate for code, _, rate in pairs):
        raise click.UsageError("Give --currency a code and its rate, such as EUR=1 or SEK=0.1.")
    return {code: rate for code, _, rate in pairs}


def _parse_since(text: str) -> datetime:
    """The time that a person typed, in the site's time zone. Raises UsageError."""
    from pointsync import clock, db
    from pointsync.sync.site import general

    try:
        return clock.parse_input(text, general.get_time_zone(db.session()))
    except ValueError as error:
        raise click.UsageError("Give --from a day such as 2026-01-31, or all.") from error

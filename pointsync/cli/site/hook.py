"""`pointsync hook`: WooCommerce hooks."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, site_identity, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin

if TYPE_CHECKING:
    from pointsync.models import Hook

COLUMNS = {"name": "Name", "reserve": "Reserve", "rule": "Rule", "rate": "Rate", "status": "Order status", "url": "URL"}


@click.group(cls=Group)
def hook() -> None:
    """WooCommerce hooks: they turn a shop's orders or movements into points."""


@hook.command("add")
@click.argument("name", metavar="NAME")
@click.option("--secret", help="The secret of the shop's webhook.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret from stdin, one line.")
@click.option(
    "--reserve",
    "reserve_key",
    type=RESERVE_KEY,
    metavar="KEY",
    required=True,
    help="The points reserve for the points.",
)
@click.option("--rate", default="1", help="Points per unit of an order's total. Default: 1.")
@click.option(
    "--status",
    type=click.Choice(["processing", "completed"]),
    default="completed",
    help="The order status at which points count. Default: completed.",
)
@click.option("--movements", is_flag=True, help="Receive movements of the shop's plugin, not orders.")
def add_hook(
    name: str,
    secret: str | None,
    secret_stdin: bool,
    reserve_key: str,
    rate: str,
    status: str,
    movements: bool,
) -> None:
    """Add a hook. It prints the delivery URL for the shop's webhook."""
    secret = read_option_or_stdin("--secret", secret, secret_stdin)
    if secret is None:
        raise click.UsageError("Missing option '--secret', or --secret-stdin.")
    with site_context():
        from pointsync import clock
        from pointsync.runtime import get_runtime
        from pointsync.woocommerce import hooks

        vault = get_runtime().vault
        row = transact(
            lambda session: hooks.add(
                session,
                vault,
                name=name,
                secret=secret,
                reserve_key=reserve_key,
                rate=rate,
                status=status,
                by_movements=movements,
                now=clock.now(),
            )
        )
        url = site_identity().url
        if url is None:
            print_note("The site's URL is not known yet, so this is only the path. See: pointsync site")
        document = {"name": row.name, "id": row.token, "url": hooks.delivery_url(row, url)}
        print_result(document, document["url"])


@hook.command("list")
@site_context()
def list_hooks() -> None:
    """List the hooks."""
    from pointsync import db
    from pointsync.woocommerce import hooks

    url = site_identity().url
    rows = [_to_json(each, hooks.delivery_url(each, url)) for each in hooks.list_all(db.session())]
    empty_message = "There are no hooks yet. Add one: pointsync hook add NAME --secret … --reserve default"
    print_result(rows, table_printer(rows, COLUMNS, empty_message))


@hook.command("remove")
@click.argument("name", metavar="NAME")
@site_context()
def remove_hook(name: str) -> None:
    """Remove a hook. Its URL no longer works."""
    from pointsync import clock
    from pointsync.woocommerce import hooks

    transact(lambda session: hooks.remove(session, name, clock.now()))
    print_result({"name": name, "removed": True}, f"The hook {name} was removed.")


def _to_json(row: "Hook", url: str) -> dict[str, Any]:
    from pointsync.ledger.orders.rule import OrderRule
    from pointsync.woocommerce.rules import rate_text

    rule = OrderRule.from_text(row.order_rule) if row.order_rule else None
    return {
        "name": row.name,
        "id": row.token,
        "url": url,
        "reserve": row.reserve.key,
        "rule": row.rule,
        "rate": rate_text(next(iter(rule.rates.values()))) if rule else f"{row.rate.normalize():f}",
        "status": row.status,
        "shop": row.shop,
        "shop_id": row.shop_id,
        "base": rule.base if rule else None,
        "statuses": list(rule.statuses) if rule else None,
        "rates": {code: rate_text(rate) for code, rate in rule.rates.items()} if rule else None,
        "from": rule.counts_from.isoformat() if rule and rule.counts_from else None,
    }

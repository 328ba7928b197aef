"""`pointsync hook`: WooCommerce hooks."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, site_identity, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin
from pointsync.cli.site.hook_options import is_given, named_options, read_rule, rule_options

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
@rule_options
@click.option("--movements", is_flag=True, help="Receive movements of the shop's plugin, not orders.")
def add_hook(
    name: str, secret: str | None, secret_stdin: bool, reserve_key: str, movements: bool, **options: Any
) -> None:
    """Add a hook. It prints the delivery URL for the shop's webhook."""
    secret = read_option_or_stdin("--secret", secret, secret_stdin)
    if secret is None:
        raise click.UsageError("Missing option '--secret', or --secret-stdin.")
    if movements and is_given(options):
        raise click.UsageError(
            "--movements: The plugin says how many points it gives. Leave out the options for orders."
        )
    with site_context(), named_options():
        from pointsync import clock
        from pointsync.runtime import get_runtime
        from pointsync.woocommerce import hooks

        vault, typed = get_runtime().vault, read_rule(options)
        row = transact(
            lambda session: hooks.add(
                session,
                vault,
                name=name,
                secret=secret,
                reserve_key=reserve_key,
                typed=typed,
                by_movements=movements,
                now=clock.now(),
            )
        )
        _print_url(row)


@hook.command("change")
@click.argument("name", metavar="NAME")
@click.option("--secret", help="A new secret.")
@click.option("--secret-stdin", is_flag=True, help="Read the new secret from stdin, one line.")
@rule_options
def change_hook(name: str, secret: str | None, secret_stdin: bool, **options: Any) -> None:
    """Change a hook's rule or secret. Orders that have counted keep the rule by which they did.

    What is not given stays. A list is replaced; none empties it.
    """
    secret = read_option_or_stdin("--secret", secret, secret_stdin)
    if secret is None and not is_given(options):
        raise click.UsageError("Give what changes, such as --rate 0.5. See: pointsync hook change --help")
    with site_context(), named_options():
        from pointsync.runtime import get_runtime
        from pointsync.woocommerce import hooks

        vault, typed = get_runtime().vault, read_rule(options) if is_given(options) else None
        row = transact(
            lambda session: hooks.change(
                session, vault, hooks.get_by_name(session, name).id, secret=secret, typed=typed
            )
        )
        document = _to_json(row, hooks.delivery_url(row, site_identity().url))
        print_result(document, f"The hook {row.name} was changed. Orders that have counted keep their rule.")


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


@hook.command("discard")
@click.argument("name", metavar="NAME")
@site_context()
def discard_kept(name: str) -> None:
    """Discard what removed hooks of this name have kept, instead of adding a hook for their shop."""
    from pointsync.woocommerce import kept

    count = transact(lambda session: kept.discard_of_removed(session, name))
    print_result({"name": name, "discarded": count}, f"Discarded deliveries: {count}.")


@hook.command("dismiss")
@click.argument("name", metavar="NAME")
@site_context()
def dismiss_deliveries(name: str) -> None:
    """Say that what the hook could not use needs no attention any more."""
    from pointsync.woocommerce import hooks, problems

    count = transact(lambda session: problems.dismiss(session, hooks.get_by_name(session, name).id))
    print_result({"name": name, "dismissed": count}, f"Dismissed deliveries: {count}.")


@hook.command("remove")
@click.argument("name", metavar="NAME")
@site_context()
def remove_hook(name: str) -> None:
    """Remove a hook. Its URL no longer works."""
    from pointsync import clock
    from pointsync.woocommerce import hooks

    transact(lambda session: hooks.remove(session, name, clock.now()))
    print_result({"name": name, "removed": True}, f"The hook {name} was removed.")


def _print_url(row: "Hook") -> None:
    from pointsync.woocommerce import hooks

    url = site_identity().url
    if url is None:
        print_note("The site's URL is not known yet, so this is only the path. See: pointsync site")
    document = {"name": row.name, "id": row.token, "url": hooks.delivery_url(row, url)}
    print_result(document, document["url"])


def _to_json(row: "Hook", url: str) -> dict[str, Any]:
    from pointsync.ledger.orders.rule import OrderRule
    from pointsync.woocommerce.rules import rate_text

    rule = OrderRule.from_text(row.order_rule) if row.order_rule else None
    return {
        "name": row.name,
        "id": row.token,
        "url": url or None,
        "reserve": row.reserve.key,
        "rule": row.rule,
        "rate": rate_text(next(iter(rule.rates.values()))) if rule else f"{row.rate.normalize():f}",
        "status": row.status,
        "shop": row.shop,
        "shop_id": row.shop_id,
        "key_shop": row.key_shop,
        "base": rule.base if rule else None,
        "statuses": list(rule.statuses) if rule else None,
        "rates": {code: rate_text(rate) for code, rate in rule.rates.items()} if rule else None,
        "from": rule.counts_from.isoformat() if rule and rule.counts_from else None,
        "minimums": {code: rate_text(amount) for code, amount in rule.minimums.items()} if rule else None,
        "excluded_products": sorted(rule.excluded_products) if rule else None,
        "child_orders": rule.counts_children if rule else None,
    }

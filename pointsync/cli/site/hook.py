"""`pointsync hook`: where WooCommerce shops deliver."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, note, table
from pointsync.cli.framework.param_types import RESERVE
from pointsync.cli.framework.site_context import change, identity, on_site
from pointsync.cli.framework.stdin_input import either

if TYPE_CHECKING:
    from pointsync.models import Hook

COLUMNS = {"name": "Name", "reserve": "Reserve", "rule": "Rule", "rate": "Rate", "status": "At status", "url": "URL"}


@click.group(cls=Group)
def hook() -> None:
    """WooCommerce hooks: a shop's orders or movements become points here."""


@hook.command("add")
@click.argument("name", metavar="NAME")
@click.option("--secret", help="The secret that stands in the shop's webhook.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret from stdin, one line.")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", required=True, help="Where the points go.")
@click.option("--rate", default="1", help="Points per unit of an order's total; 1 unless given.")
@click.option("--status", type=click.Choice(["processing", "completed"]), default="completed", help="When they count.")
@click.option("--movements", is_flag=True, help="By the shop plugin's movements, in place of orders.")
def add_hook(
    name: str,
    secret: str | None,
    secret_stdin: bool,
    reserve_key: str,
    rate: str,
    status: str,
    movements: bool,
) -> None:
    """Add a hook; the answer holds the delivery URL for the shop's webhook."""
    secret = either("--secret", secret, secret_stdin)
    if secret is None:
        raise click.UsageError("Missing option '--secret', or --secret-stdin.")
    with on_site():
        from pointsync import clock
        from pointsync.runtime import runtime
        from pointsync.woocommerce import hooks

        vault = runtime().vault
        made = change(
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
        url = identity().url
        if url is None:
            note("The site's URL is not known yet, so this is the path alone; see: pointsync site")
        document = {"name": made.name, "id": made.token, "url": hooks.url(made, url)}
        give(document, document["url"])


@hook.command("list")
@on_site()
def list_hooks() -> None:
    """List the hooks."""
    from pointsync.db import db
    from pointsync.woocommerce import hooks

    url = identity().url
    rows = [_shape(each, hooks.url(each, url)) for each in hooks.every(db.session())]
    empty = "There is no hook yet; add one: pointsync hook add NAME --secret … --reserve default"
    give(rows, table(rows, COLUMNS, empty))


@hook.command("remove")
@click.argument("name", metavar="NAME")
@on_site()
def remove_hook(name: str) -> None:
    """Remove a hook: its URL answers no more."""
    from pointsync import clock
    from pointsync.woocommerce import hooks

    change(lambda session: hooks.remove(session, name, clock.now()))
    give({"name": name, "removed": True}, f"The hook {name} is removed.")


def _shape(each: "Hook", url: str) -> dict[str, Any]:
    return {
        "name": each.name,
        "id": each.token,
        "url": url,
        "reserve": each.reserve.key,
        "rule": each.rule,
        "rate": f"{each.rate.normalize():f}",
        "status": each.status,
        "shop": each.shop,
    }

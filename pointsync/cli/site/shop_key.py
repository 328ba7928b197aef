"""`pointsync shop key` and `shop read`: a read-only key of a shop, and reading its orders."""

from time import sleep
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import CommandError
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync.models import Hook, ShopKey

SHOP = SingleLine(64)
WAIT_SECONDS = 0.5
LEASE_SECONDS = 60


@click.command("key", cls=Command)
@click.argument("shop_or_hook", metavar="SHOP", type=SHOP)
@click.option("--url", help="The shop's URL. Default: where its deliveries are from.")
@click.option("--consumer-key", metavar="ck_…", help="The consumer key, with the permission Read.")
@click.option("--secret", metavar="cs_…", help="The consumer secret.")
@click.option("--secret-stdin", is_flag=True, help="Read the consumer secret from stdin, one line.")
@click.option("--remove", is_flag=True, help="Forget the key.")
def set_key(
    shop_or_hook: str,
    url: str | None,
    consumer_key: str | None,
    secret: str | None,
    secret_stdin: bool,
    remove: bool,
) -> None:
    """Connect a shop for reading, so that no lost delivery loses points. SHOP is a hook's name or a shop's id.

    The key is tried at the shop before it is stored. Create it in the shop under WooCommerce › Settings › Advanced ›
    REST API, with the permission Read.
    """
    secret = read_option_or_stdin("--secret", secret, secret_stdin)
    if remove:
        if url or consumer_key or secret:
            raise click.UsageError("--remove takes no other options.")
        _remove(shop_or_hook)
        return
    if consumer_key is None or secret is None:
        raise click.UsageError("Give --consumer-key and --secret, or --secret-stdin.")
    with site_context():
        from pointsync.woocommerce.reading import connect

        hook = transact(lambda session: _find_hook(session, shop_or_hook))
        shop_url = url or hook.shop or ""
        if not shop_url:
            raise click.UsageError("Missing option '--url': nothing has been delivered to this hook yet.")
        row = connect.connect(hook.id, shop_url, consumer_key, secret)
        document = {"shop": row.shop_id, "url": row.url, "reading": to_json(row)}
        print_result(document, f"{row.url} is connected. Its orders of the last 90 days are read now.")


@click.command("read", cls=Command)
@click.argument("shop_or_hook", metavar="SHOP", type=SHOP)
@click.option("--all", "everything", is_flag=True, help="All orders of the last 90 days, as every night.")
@site_context()
def read_now(shop_or_hook: str, everything: bool) -> None:
    """Read the changed orders of a connected shop now. SHOP is a hook's name or a shop's id."""
    from pointsync import clock
    from pointsync.woocommerce.reading import keys, progress

    hook = transact(lambda session: _find_hook(session, shop_or_hook))
    shop_id = hook.shop_id or 0

    def begin(session: "Session") -> int:
        row = keys.find(session, shop_id)
        if row is None:
            raise CommandError(f"{shop_or_hook} is not connected for reading. Connect it: pointsync shop key")
        progress.refuse_if_stopped(session)
        progress.read_soon(session, shop_id, clock.now(), everything=everything)
        return row.failures

    counts = _read_until_done(shop_id, transact(begin))
    orders, changes = counts or (None, None)
    text = (
        f"Orders read: {orders:,}. Orders that changed points: {changes:,}." if counts else "The server has read them."
    )
    print_result({"shop": shop_id, "orders": orders, "changes": changes}, text)


def to_json(row: "ShopKey | None") -> dict[str, Any] | None:
    """How the reading of a shop goes; None if it has no key."""
    if row is None:
        return None
    return {
        "url": row.url,
        "key": f"…{row.key_end}",
        "last_read_at": row.last_success_at.isoformat() if row.last_success_at else None,
        "failing_since": row.failing_since.isoformat() if row.failing_since else None,
        "code": row.code,
        "message": row.message,
    }


def describe(reading: dict[str, Any] | None) -> str:
    """One line of `to_json`."""
    if reading is None:
        return "no key"
    return reading["message"] or ("read" if reading["last_read_at"] else "not read yet")


def _remove(shop_or_hook: str) -> None:
    with site_context():
        from pointsync.woocommerce.reading import keys

        def remove(session: "Session") -> "ShopKey | None":
            # A shop whose hook was removed still has its key.
            is_of_shop = shop_or_hook in {str(key.shop_id) for key in keys.list_all(session)}
            shop_id = int(shop_or_hook) if is_of_shop else _find_hook(session, shop_or_hook).shop_id
            return keys.remove(session, shop_id or 0)

        row = transact(remove)
        if row is None:
            raise CommandError(f"{shop_or_hook} has no key.")
        text = f"The key of {row.url} is forgotten. Delete it in the shop as well."
        print_result({"shop": row.shop_id, "removed": True}, text)


def _find_hook(session: "Session", shop_or_hook: str) -> "Hook":
    """The hook with this name, or a hook that counts the orders of the shop with this id."""
    from pointsync.errors import NotFound
    from pointsync.woocommerce import hooks

    of_orders = [each for each in hooks.list_all(session) if each.rule == "orders"]
    named = [each for each in of_orders if each.name == shop_or_hook]
    of_shop = [each for each in of_orders if str(each.shop_id) == shop_or_hook]
    if found := (named or of_shop):
        return found[0]
    raise NotFound(
        "unknown_shop", f"There is no hook for orders and no shop {shop_or_hook!r}. See: pointsync shop list."
    )


def _read_until_done(shop_id: int, failures: int) -> tuple[int, int] | None:
    """Read the shop, after so many failures: how many orders, and how many of them changed points.

    None if the running server has done it. Raises CommandError if it fails once more.
    """
    from pointsync import leases
    from pointsync.db import run_in_transaction
    from pointsync.runtime import get_runtime
    from pointsync.woocommerce.reading import keys, progress, reader
    from pointsync.woocommerce.reading.rest_api import ShopCallError

    worker_id, name = get_runtime().worker_id, progress.lease_name(shop_id)

    def may_go_on() -> bool:
        return run_in_transaction(lambda session: leases.acquire(session, name, worker_id, LEASE_SECONDS))

    counts: tuple[int, int] | None = None
    while True:
        row = run_in_transaction(lambda session: keys.find(session, shop_id))
        if row is None or row.failures > failures:
            raise CommandError(row.message or "" if row else "The key was removed meanwhile.")
        if row.walk is None and row.night_walk is None:
            return counts
        if may_go_on():
            try:
                result = reader.read_shop(shop_id, may_go_on)
            except ShopCallError as error:
                raise CommandError(error.message) from None
            orders, changes = counts or (0, 0)
            counts = orders + result.orders, changes + result.changes
        else:
            sleep(WAIT_SECONDS)

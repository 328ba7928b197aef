"""`pointsync shop`: the shops whose orders are counted, and orders that need attention."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import SHOP_ID, SHOP_ORDER_ID, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.site import connected_shop, shop_key

SHOP_COLUMNS = {
    "id": "Id",
    "name": "Shop",
    "addresses": "Addresses",
    "currency": "Currency",
    "hooks": "Hooks",
    "reading": "Reading",
}
ORDER_COLUMNS = {
    "id": "Id",
    "shop": "Shop",
    "order": "Order",
    "problem": "Problem",
    "currency": "Currency",
    "points": "Points",
}
ADDRESS = SingleLine(500)


@click.group(cls=Group)
def shop() -> None:
    """Shops whose orders are counted. A shop is known by its addresses."""


shop.add_command(shop_key.set_key)
shop.add_command(shop_key.read_now)
shop.add_command(connected_shop.connect)
shop.add_command(connected_shop.disconnect)


@shop.command("list")
@site_context()
def list_shops() -> None:
    """List the shops whose orders are counted, the WordPress shops with the plugin, and what waits for an answer."""
    from pointsync import db
    from pointsync.ledger.orders import shops
    from pointsync.woocommerce import hooks, kept
    from pointsync.woocommerce.reading import keys

    session = db.session()
    hook_names: dict[int, list[str]] = {}
    for each in hooks.list_all(session):
        if each.shop_id is not None:
            hook_names.setdefault(each.shop_id, []).append(each.name)
    rows: list[dict[str, Any]] = [
        {
            "id": each.id,
            "name": each.name,
            "addresses": shops.list_addresses(session, each.id),
            "currency": each.currency,
            "hooks": hook_names.get(each.id, []),
            "reading": shop_key.to_json(keys.find(session, each.id)),
        }
        for each in shops.list_all(session)
    ]
    waiting = [
        {"address": address, "hook": hook.name, "kept": count}
        for address, hook, count in kept.count_by_address(session)
    ]
    of_removed = [{"hook": hook.name, "kept": count} for hook, count in kept.count_of_removed_hooks(session)]
    shown = [
        row
        | {"addresses": ", ".join(row["addresses"]), "hooks": ", ".join(row["hooks"])}
        | {"reading": shop_key.describe(row["reading"])}
        for row in rows
    ]

    connected = connected_shop.list_json(session)

    def show() -> None:
        table_printer(shown, SHOP_COLUMNS, "There are no shops yet. The first order that counts names its shop.")()
        for each in waiting:
            click.echo(
                f"{each['kept']} deliveries from {each['address']} to the hook {each['hook']} wait. The same shop? "
                f"Then: pointsync shop same {each['address']}. If not: pointsync shop other {each['address']}"
            )

        if connected:
            click.echo()
            table_printer(connected, connected_shop.COLUMNS, "")()
        for each in of_removed:
            click.echo(
                f"{each['kept']} deliveries to the removed hook {each['hook']} wait for another hook of its shop. Add "
                f"one, or: pointsync hook discard {each['hook']}"
            )

    print_result({"shops": rows, "connected": connected, "waiting": waiting, "removed_hooks": of_removed}, show)


@shop.command("same")
@click.argument("address", metavar="ADDRESS", type=ADDRESS)
@click.option("--shop", "shop_id", type=SHOP_ID, metavar="ID", help="The shop. Default: that of the hook.")
@site_context()
def same_shop(address: str, shop_id: int | None) -> None:
    """Say that ADDRESS is another address of a shop. What was kept from it is counted."""
    from pointsync import clock
    from pointsync.woocommerce import addresses, receive

    owner = transact(lambda session: addresses.accept(session, address, clock.now(), shop_id))
    counted = 0
    while count := transact(lambda session: receive.count_kept(session, clock.now())):
        counted += count
    document = {"address": address, "shop": owner.id, "counted": counted}
    print_result(document, f"{address} belongs to the shop {owner.name}. Counted deliveries: {counted}.")


@shop.command("other")
@click.argument("address", metavar="ADDRESS", type=ADDRESS)
@site_context()
def other_shop(address: str) -> None:
    """Say that ADDRESS is not the hook's shop, such as a test copy. What was kept from it is dropped."""
    from pointsync import clock
    from pointsync.woocommerce import addresses

    dropped = transact(lambda session: addresses.reject(session, address, clock.now()))
    print_result({"address": address, "dropped": dropped}, f"{address} is another shop. Dropped deliveries: {dropped}.")


@shop.command("merge")
@click.argument("from_id", metavar="FROM", type=SHOP_ID)
@click.argument("into_id", metavar="INTO", type=SHOP_ID)
@site_context()
def merge_shops(from_id: int, into_id: int) -> None:
    """Say that two shops are the same one. Points that an order gave twice are taken back."""
    from pointsync import clock
    from pointsync.ledger.orders import merge_shops as merging

    doubles = transact(lambda session: merging.merge(session, from_id, into_id, clock.now()))
    text = f"The shop {from_id} is the shop {into_id} now. Orders that both had: {doubles}."
    print_result({"shop": into_id, "doubles": doubles}, text)


@shop.command("dismiss-outages")
@site_context()
def dismiss_outages() -> None:
    """Say that no orders are missing from the times in which this site did not run."""
    from pointsync import clock
    from pointsync.woocommerce import outages

    count = transact(lambda session: outages.dismiss(session, clock.now()))
    print_result({"dismissed": count}, f"Dismissed outages: {count}.")


@shop.command("orders")
@site_context()
def list_orders() -> None:
    """List the orders that need attention, such as those in a currency without a rate."""
    from pointsync import db
    from pointsync.ledger.orders import listings

    rows, shown = [], []
    for each in listings.list_problems(db.session()):
        order = each.order
        row: dict[str, Any] = {
            "id": order.id,
            "shop": each.shop.name,
            "order": order.order_id,
            "number": order.number,
            "problem": order.problem,
            "currency": order.currency,
        }
        points = [{"customer": email, "reserve": key, "points": count} for email, key, count in each.points]
        rows.append(row | {"points": points})
        shown.append(row | {"points": sum(count for _, _, count in each.points)})
    print_result(rows, table_printer(shown, ORDER_COLUMNS, "All orders are fine."))


@shop.command("take-back")
@click.argument("row_id", metavar="ID", type=SHOP_ORDER_ID)
@site_context()
def take_back(row_id: int) -> None:
    """Take back the points of an order whose id the shop has used for another one. ID is from `shop orders`."""
    from pointsync import clock
    from pointsync.ledger.orders import listings

    results = transact(lambda session: listings.take_back(session, row_id, clock.now()))
    points = -sum(each.movement.points for each in results)
    print_result({"id": row_id, "points": points}, f"Points taken back: {points:,}.")

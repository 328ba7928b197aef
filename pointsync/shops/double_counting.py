"""Hooks that count the orders of a connected shop already, so that it would count them twice."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import NotFound
from pointsync.models import ConnectedShop, Hook, ShopAddress
from pointsync.text_limits import printable
from pointsync.urls import normalise_address
from pointsync.woocommerce import hooks


def list_hooks(session: Session, shop: ConnectedShop) -> list[Hook]:
    """The older hooks that count the orders of this shop in the same points reserve, oldest first.

    While there is one, what the shop reports is refused with `counted_twice`.
    """
    return find_hooks(session, [shop], hooks.list_all(session))[shop.id]


def find_hooks(
    session: Session, connected: Sequence[ConnectedShop], active_hooks: Sequence[Hook]
) -> dict[int, list[Hook]]:
    """The same for several shops, by their ids. `active_hooks` are all of this site."""
    rules = {each.key_shop: each for each in active_hooks if each.key_shop is not None}
    addresses = {each.id: normalise_address(each.home_url or "") for each in connected}
    known = session.scalars(select(ShopAddress).where(ShopAddress.address.in_(set(addresses.values()))))
    by_address = {each.address: each.shop_id for each in known}
    found: dict[int, list[Hook]] = {}
    for shop in connected:
        rule = rules.get(shop.name)
        # Before its first order counts, only its address says which shop it is.
        shop_id = (rule.shop_id or by_address.get(addresses[shop.id])) if rule is not None else None
        found[shop.id] = sorted(
            (
                each
                for each in active_hooks
                if rule is not None
                and shop_id is not None
                and (each.shop_id, each.reserve_id) == (shop_id, rule.reserve_id)
                and each.id < rule.id
            ),
            key=lambda hook: hook.id,
        )
    return found


def remove_hook(session: Session, shop: ConnectedShop, name: str, now: datetime) -> None:
    """Remove one of these hooks, so that the shop's own reports count. Raises NotFound for any other hook.

    Orders that have counted keep the rule by which they did.
    """
    if name not in {each.name for each in list_hooks(session, shop)}:
        message = f"No hook {printable(name, 64)!r} counts the orders of this shop twice."
        raise NotFound("unknown_hook", message, {"hook": message})
    hooks.remove(session, name, now)

"""What an admin says about an address that delivered to a hook: it is the same shop, or it is not."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, NotFound
from pointsync.ledger.orders import shops
from pointsync.models import Hook, KeptDelivery, Shop
from pointsync.text_limits import printable
from pointsync.urls import normalise_address


def accept(session: Session, address: str, now: datetime, shop_id: int | None = None) -> Shop:
    """Say that the address is one of a shop: by default of the hook to which it delivered.

    What was kept is counted by a tick, or by `receive.count_kept`. Raises NotFound or Conflict.
    """
    normalised = normalise_address(address)
    if shop_id is not None:
        shop = shops.get(session, shop_id)
    else:
        query = select(Hook.shop_id).join(KeptDelivery, KeptDelivery.hook_id == Hook.id)
        found = set(session.scalars(query.where(KeptDelivery.address == normalised).distinct())) - {None}
        if not found:
            raise NotFound("unknown_address", f"No delivery from {printable(normalised, 100)} waits for an answer.")
        if len(found) > 1:
            raise Conflict(
                "which_shop", "This address has delivered to hooks of several shops. Name the shop: --shop ID."
            )
        shop = shops.get(session, found.pop() or 0)
    shops.add_address(session, shop, normalised, now)
    return shop


def reject(session: Session, address: str, now: datetime) -> int:
    """Say that the address belongs to another shop, such as a test copy: drop what was kept from it.

    Later deliveries from it to this hook are not counted. Return how many deliveries were dropped. Raises Conflict.
    """
    normalised = normalise_address(address)
    known = shops.find_by_address(session, normalised)
    if known is not None:
        raise Conflict("known_address", f"{printable(normalised, 100)} is an address of the shop {known.name}.")
    if not normalised:
        raise NotFound("unknown_address", "Name the address, such as staging.shop.example.")
    shops.create(session, normalised, now)
    dropped = session.scalars(
        delete(KeptDelivery).where(KeptDelivery.address == normalised).returning(KeptDelivery.id)
    ).all()
    return len(dropped)

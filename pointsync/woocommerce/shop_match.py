"""Whose delivery it is: the shop is known by its addresses, not by the hook's name."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.orders import shops
from pointsync.models import Hook, Shop
from pointsync.text_limits import printable
from pointsync.woocommerce.kept import UNKNOWN_ADDRESS
from pointsync.woocommerce.outcome import DeliveryKept
from pointsync.woocommerce.values import DeliveryIgnored

MAX_SHOWN = 100


def find_shop(session: Session, hook: Hook, address: str) -> Shop | None:
    """The shop that a delivery to `hook` from this address (normalised) is from.

    None if no shop has the address, and the hook belongs to no shop yet. A delivery without an address is from the
    hook's shop. Raises DeliveryIgnored if it is from the shop of another hook, DeliveryKept if an admin must say
    whether it is the same shop.
    """
    known = shops.find_by_address(session, address)
    if hook.shop_id is None:
        return known
    own = session.get_one(Shop, hook.shop_id)
    if not address or (known and known.id == own.id):
        return own
    if known:
        raise DeliveryIgnored(
            f"The delivery is from {printable(address, MAX_SHOWN)}, but this hook belongs to {hook.shop or own.name}. "
            "Add a hook for each shop.",
            problem=None,  # an admin has said so
        )
    if not shops.list_addresses(session, own.id):
        return own  # its earlier deliveries named no address
    raise DeliveryKept(
        UNKNOWN_ADDRESS,
        f"The delivery is from {printable(address, MAX_SHOWN)}, but this hook belongs to {hook.shop or own.name}. It "
        "is kept. If both are the same shop, say so, and it is counted: pointsync shop same ADDRESS.",
    )


def refuse_second_hook(session: Session, hook: Hook, shop: Shop | None) -> None:
    """Raise DeliveryIgnored if an older hook already counts this shop in the same reserve."""
    if shop is None:
        return
    query = select(Hook).where(
        Hook.reserve_id == hook.reserve_id,
        Hook.id < hook.id,
        Hook.removed_at.is_(None),
        Hook.shop_id == shop.id,
    )
    older = session.scalars(query.order_by(Hook.id)).first()
    if older is not None:
        raise DeliveryIgnored(
            f"The hook {older.name} already counts this shop in {older.reserve.key}, so this hook would count it "
            "twice. Remove one of the two."
        )

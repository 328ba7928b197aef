"""Shops: found by their addresses, created when the first of their orders counts, and joined if they are the same."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.crypto import sha256_hex
from pointsync.errors import Conflict, NotFound
from pointsync.models import Shop, ShopAddress
from pointsync.text_limits import MAX_NAME_LENGTH, MAX_QUOTED_LENGTH

SOURCE_PREFIX = "shop:"
CODE_LENGTH = 16


def list_all(session: Session) -> list[Shop]:
    """The shops, oldest first, without those that are the same as another one."""
    return list(session.scalars(select(Shop).where(Shop.merged_into_id.is_(None)).order_by(Shop.id)))


def get(session: Session, shop_id: int) -> Shop:
    """The shop with this id. Raises NotFound."""
    shop = session.get(Shop, shop_id)
    if shop is None or shop.merged_into_id is not None:
        raise NotFound("unknown_shop", f"There is no shop {shop_id}. See the list of shops: pointsync shop list.")
    return shop


def find_by_address(session: Session, address: str) -> Shop | None:
    """The shop with this address (already normalised), or None."""
    known = session.get(ShopAddress, address) if address else None
    return session.get_one(Shop, known.shop_id) if known else None


def list_addresses(session: Session, shop_id: int) -> list[str]:
    """The addresses of a shop, the first one first."""
    query = select(ShopAddress.address).where(ShopAddress.shop_id == shop_id)
    return list(session.scalars(query.order_by(ShopAddress.created_at, ShopAddress.address)))


def create(session: Session, address: str, now: datetime, *, fallback: str = "") -> Shop:
    """A new shop with this address; without one, `fallback` names it.

    The address of a shop decides its code, so a site that is set up again gives its shops the same codes.
    """
    name = address or fallback
    code = sha256_hex(name)[:CODE_LENGTH]
    shop = session.scalar(select(Shop).where(Shop.code == code))
    if shop is None:
        shop = Shop(code=code, name=name[:MAX_NAME_LENGTH], currency="", created_at=now)
        session.add(shop)
        session.flush()
    if shop.merged_into_id is not None:
        shop = session.get_one(Shop, shop.merged_into_id)
    if address:
        add_address(session, shop, address, now)
    return shop


def add_address(session: Session, shop: Shop, address: str, now: datetime) -> None:
    """Let the shop have this address as well. Raises Conflict if another shop has it."""
    known = session.get(ShopAddress, address)
    if known is None:
        session.add(ShopAddress(address=address, shop_id=shop.id, created_at=now))
        session.flush()
    elif known.shop_id != shop.id:
        other = session.get_one(Shop, known.shop_id)
        message = (
            f"{address[:MAX_QUOTED_LENGTH]} belongs to the shop {other.name}. If both are the same shop, merge them: "
            f"pointsync shop merge {other.id} {shop.id}."
        )
        raise Conflict("other_shop", message)


def source_of(shop: Shop) -> str:
    """The `source` of the movements of a shop's orders."""
    return f"{SOURCE_PREFIX}{shop.code}"


def list_sources(session: Session, shop: Shop) -> list[str]:
    """All sources of the movements of a shop's orders: also those of the shops that were merged into it."""
    merged = session.scalars(select(Shop).where(Shop.merged_into_id == shop.id).order_by(Shop.id))
    return [source_of(shop), *(source_of(each) for each in merged)]

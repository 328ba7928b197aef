"""The read-only keys of shops: stored, removed, and whether a shop answers."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.models import Shop, ShopKey
from pointsync.net.http_client import HttpClient
from pointsync.woocommerce.reading.rest_api import ShopApi

READ_PERIOD = timedelta(days=90)
"""How far back orders are read: at first, and every night."""
FALLBACK_AFTER = timedelta(minutes=2)
"""After so long without an answer, what was to be asked of a shop is decided without it."""
KEY_END_LENGTH = 7


def find(session: Session, shop_id: int | None) -> ShopKey | None:
    """The key of a shop, or None."""
    return session.get(ShopKey, shop_id) if shop_id is not None else None


def list_all(session: Session) -> list[ShopKey]:
    """All keys."""
    return list(session.scalars(select(ShopKey).order_by(ShopKey.shop_id)))


def store(
    session: Session, vault: Vault, shop: Shop, *, url: str, consumer_key: str, consumer_secret: str, now: datetime
) -> ShopKey:
    """Store the key of a shop in place of an earlier one. A new key reads the last 90 days; another key continues."""
    row = session.get(ShopKey, shop.id, with_for_update=True)
    if row is None:
        row = ShopKey(shop_id=shop.id, created_at=now, read_until=now - READ_PERIOD, failures=0)
        session.add(row)
    row.url = url.rstrip("/")
    row.sealed_consumer_key, row.sealed_consumer_secret = vault.encrypt(consumer_key), vault.encrypt(consumer_secret)
    row.key_end = consumer_key[-KEY_END_LENGTH:]
    row.next_at = now
    row.failures, row.failing_since, row.code, row.message = 0, None, None, None
    session.flush()
    return row


def remove(session: Session, shop_id: int) -> ShopKey | None:
    """Forget the key of a shop: return it, or None if there was none."""
    row = session.get(ShopKey, shop_id, with_for_update=True)
    if row is not None:
        session.delete(row)
        session.flush()
    return row


def build_api(vault: Vault, client: HttpClient, row: ShopKey) -> ShopApi:
    """The shop's API. Raises WrongSecretKey."""
    return ShopApi(client, row.url, vault.decrypt(row.sealed_consumer_key), vault.decrypt(row.sealed_consumer_secret))


def can_ask(session: Session, shop_id: int, now: datetime) -> bool:
    """Whether the shop has a key and answers, so that it can be asked what an order is now."""
    query = select(ShopKey.shop_id).where(ShopKey.shop_id == shop_id, answers(now))
    return session.scalar(query) is not None


def answers(now: datetime) -> ColumnElement[bool]:
    """`can_ask` for queries of ShopKey."""
    return or_(ShopKey.failing_since.is_(None), ShopKey.failing_since > now - FALLBACK_AFTER)

"""Moving the orders of an account to its address, after the shop has reported another one."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import literal_column, select
from sqlalchemy.orm import Session

from pointsync.errors import DomainError
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import order_rows
from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.settle import settle_customer
from pointsync.models import Shop, ShopAccount, ShopOrder

BATCH_SIZE = 50


def find_next(session: Session) -> Shop | None:
    """The shop of the next account whose orders may have to move; None if there is none, or while orders cannot be
    counted.
    """
    if fetch_back.must_orders_wait(session):
        return None
    query = select(Shop).join(ShopAccount, ShopAccount.shop_id == Shop.id).where(ShopAccount.is_settling)
    return session.scalar(query.order_by(ShopAccount.shop_id, ShopAccount.account_id).limit(1))


def move_next(session: Session, shop: Shop, early_sources: Sequence[EarlySource], now: datetime) -> int:
    """Move the next orders of an account of the shop, at most `BATCH_SIZE`. Return how many were looked at.

    An order that cannot move now, such as in a points reserve that is not active, stays until it is reported again.
    """
    query = select(ShopAccount).where(ShopAccount.is_settling, ShopAccount.shop_id == shop.id)
    query = query.order_by(ShopAccount.account_id).limit(1).with_for_update()
    account = session.scalar(query.execution_options(populate_existing=True))
    if account is None:
        return 0
    rows = _lock_orders(session, account)
    for row in rows:
        with suppress(DomainError), session.begin_nested():
            order = order_rows.load(session, shop, row, early_sources)
            settle_customer(session, order, shop, account.email or "", now)
    if len(rows) < BATCH_SIZE:
        account.is_settling, account.after_order_id = False, 0
        account.email = None if account.is_deleted else account.email
    else:
        account.after_order_id = rows[-1].id
    session.flush()
    return len(rows)


def _lock_orders(session: Session, account: ShopAccount) -> list[ShopOrder]:
    query = select(ShopOrder).where(
        ShopOrder.shop_id == account.shop_id,
        ShopOrder.account_id == account.account_id,
        ShopOrder.account_id > literal_column("0"),  # as in the index
        ShopOrder.id > account.after_order_id,
        ShopOrder.replaced_at.is_(None),
    )
    query = query.order_by(ShopOrder.id).limit(BATCH_SIZE).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))

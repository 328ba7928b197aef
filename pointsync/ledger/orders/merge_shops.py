"""Joining two shops that an admin said are the same one."""

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.errors import Conflict
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import accounts, refs, shops
from pointsync.ledger.record import MAX_MOVEMENTS, Draft, record
from pointsync.models import Customer, Hook, Reserve, Shop, ShopAddress, ShopKey, ShopOrder, ShopOrderPoints


def merge(session: Session, from_id: int, into_id: int, now: datetime) -> int:
    """Let the orders, addresses and hooks of one shop belong to another. Return how many orders both had counted.

    Of such an order, the points that were given twice are taken back. Raises NotFound, Conflict, or TryLater while
    orders cannot be counted.
    """
    fetch_back.refuse_orders(session)
    gone, kept = shops.get(session, from_id), shops.get(session, into_id)
    if gone.id == kept.id:
        raise Conflict("same_shop", "These are the same shop already.")
    for shop in sorted((gone, kept), key=lambda each: each.id):
        session.refresh(shop, with_for_update=True)
    double_count = _combine_doubles(session, gone, kept, now)
    update_all = {"synchronize_session": False}
    session.execute(
        update(ShopOrder).where(ShopOrder.shop_id == gone.id).values(shop_id=kept.id).execution_options(**update_all)
    )
    accounts.merge(session, gone, kept)
    for address in session.scalars(select(ShopAddress).where(ShopAddress.shop_id == gone.id)):
        address.shop_id = kept.id
    for hook in session.scalars(select(Hook).where(Hook.shop_id == gone.id)):
        hook.shop_id = kept.id
    _move_key(session, gone, kept)
    for other in session.scalars(select(Shop).where(Shop.merged_into_id == gone.id)):
        other.merged_into_id = kept.id
    gone.merged_into_id = kept.id
    kept.currency = kept.currency or gone.currency
    session.flush()
    session.expire_all()
    return double_count


def _combine_doubles(session: Session, gone: Shop, kept: Shop, now: datetime) -> int:
    """Let each order that both shops have be one order. Return how many there are.

    In a reserve in which both have counted it, the older state's points are taken back.
    """
    of_kept = {order.order_id: order for order in session.scalars(_select_present(kept))}
    doubles = [order for order in session.scalars(_select_present(gone)) if order.order_id in of_kept]
    drafts: list[Draft] = []
    for order in doubles:
        other = of_kept[order.order_id]
        other.n = max(order.n, other.n)
        points, other_points = _load_points(session, order), _load_points(session, other)
        is_newer = bool(order.modified_at and other.modified_at and order.modified_at > other.modified_at)
        counted_twice = {each.reserve_id for each in points} & {each.reserve_id for each in other_points}
        for each in other_points if is_newer else points:
            if each.reserve_id in counted_twice and each.points:
                other.n += 1
                drafts.append(_take_back(session, each, other))
        # What the order has given is read from the movements of both shops again.
        order.replaced_at, other.is_stale = now, True
        for each in points:
            session.delete(each)
    session.flush()
    for part in chunks(drafts, MAX_MOVEMENTS):
        record(session, part, shops.source_of(kept), now)
    return len(doubles)


def _move_key(session: Session, gone: Shop, kept: Shop) -> None:
    """Let the shop that stays be read with the key of the other one, unless it has its own."""
    key = session.get(ShopKey, gone.id, with_for_update=True)
    if key is None:
        return
    if session.get(ShopKey, kept.id) is None:
        key.shop_id = kept.id
    else:
        session.delete(key)
    session.flush()


def _select_present(shop: Shop) -> Select[ShopOrder]:
    query = select(ShopOrder).where(ShopOrder.shop_id == shop.id, ShopOrder.replaced_at.is_(None))
    return query.order_by(ShopOrder.id).with_for_update()


def _load_points(session: Session, order: ShopOrder) -> list[ShopOrderPoints]:
    query = select(ShopOrderPoints).where(ShopOrderPoints.shop_order_id == order.id)
    return list(session.scalars(query.order_by(ShopOrderPoints.reserve_id, ShopOrderPoints.customer_id)))


def _take_back(session: Session, points: ShopOrderPoints, order: ShopOrder) -> Draft:
    return Draft(
        session.get_one(Customer, points.customer_id).email,
        -points.points,
        reserve=session.get_one(Reserve, points.reserve_id).key,
        kind="refund" if points.points > 0 else "earn",
        reason=f"Order {order.number or order.order_id}: counted twice",
        ref=refs.make_ref(order.order_id, order.n),
        has_happened=True,
    )

"""Connecting a shop for reading: a key is tried at the shop before it is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db, urls
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.orders import shops
from pointsync.models import Hook, Shop, ShopKey, ShopOrder
from pointsync.runtime import get_runtime
from pointsync.text_limits import trim_pasted
from pointsync.woocommerce import hooks
from pointsync.woocommerce.reading import keys
from pointsync.woocommerce.reading.rest_api import MISSING, REFUSED_KEY, ShopApi, ShopCallError

PROBE_PATH = "/pointsync-may-this-key-write"
"""No WooCommerce has this route. A key that may only read is refused before the route is looked for, so calling it
changes nothing in any shop, whatever the key may do."""
COMPARED_ORDERS = 3
"""So many of the newest and of the oldest orders are looked for in the shop."""

_KEY = re.compile(r"ck_[0-9A-Za-z]{8,64}\Z")
_SECRET = re.compile(r"cs_[0-9A-Za-z]{8,64}\Z")
_WRITES = "This key may also change the shop. PointSync only reads: create a key with the permission Read."


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that was counted here, with the shop's random key of it."""

    id: int
    key: str


def connect(hook_id: int, url: str, consumer_key: str, consumer_secret: str) -> ShopKey:
    """Try a key at the shop of a hook, and store it. Opens its own transactions, and none during the calls.

    Raises InvalidInput for `url`, `consumer_key` or `consumer_secret`; NotFound for the hook; Conflict.
    """
    url = check_url(url)
    consumer_key, consumer_secret = trim_pasted(consumer_key), trim_pasted(consumer_secret)
    _check_format(consumer_key, consumer_secret)
    state = get_runtime()
    known = db.run_in_transaction(lambda session: _list_known_orders(session, hooks.get(session, hook_id)))
    try_key(ShopApi(state.shop_client, url, consumer_key, consumer_secret), known)

    def save(session: Session) -> ShopKey:
        now = clock.now()
        shop = _shop_at(session, hooks.get(session, hook_id), url, now)
        return keys.store(
            session, state.vault, shop, url=url, consumer_key=consumer_key, consumer_secret=consumer_secret, now=now
        )

    return db.run_in_transaction(save)


def check_url(url: str) -> str:
    """The URL of a shop without a slash at the end. Raises InvalidInput."""
    url = url.strip().rstrip("/")
    if problem := urls.find_problem(url):
        raise InvalidInput("url", f"The shop's URL {problem}.")
    return url


def try_key(api: ShopApi, known: Sequence[KnownOrder]) -> None:
    """Try a key: it must read orders, must not write, and the shop must be the one whose orders are `known`.

    Raises InvalidInput.
    """
    try:
        api.get_list("/orders", {"per_page": "1", "status": "any", "_fields": "id,order_key"})
        response = api.send("POST", PROBE_PATH, {})
        if response.status == 404 and b"rest_no_route" in response.body:
            raise InvalidInput("consumer_key", _WRITES)
        if known and not any(_has_order(api, order) for order in known):
            raise InvalidInput(
                "url",
                f"{api.host} is another shop: it lacks the orders that were counted here, such as {known[0].id}. "
                "Enter the URL of the shop that delivers to this hook.",
            )
    except ShopCallError as error:
        raise InvalidInput("consumer_key" if error.code == REFUSED_KEY else "url", error.message) from None


def _check_format(consumer_key: str, consumer_secret: str) -> None:
    if not _KEY.match(consumer_key):
        raise InvalidInput("consumer_key", "The consumer key begins with ck_. Copy it again from the shop.")
    if not _SECRET.match(consumer_secret):
        raise InvalidInput("consumer_secret", "The consumer secret begins with cs_. Copy it again from the shop.")


def _has_order(api: ShopApi, order: KnownOrder) -> bool:
    try:
        found = api.get(f"/orders/{order.id}", {"_fields": "id,order_key"})
    except ShopCallError as error:
        if error.code == MISSING:
            return False
        raise
    return bool(found.get("order_key") == order.key)


def _list_known_orders(session: Session, hook: Hook) -> list[KnownOrder]:
    if hook.rule != "orders":
        raise Conflict("not_orders", f"The hook {hook.name} records movements, so there are no orders to read.")
    if hook.shop_id is None:
        return []
    query = select(ShopOrder.order_id, ShopOrder.order_key).where(
        ShopOrder.shop_id == hook.shop_id,
        ShopOrder.order_key.is_not(None),
        ShopOrder.is_deleted.is_(False),
        ShopOrder.replaced_at.is_(None),
    )
    ends = (ShopOrder.id.desc(), ShopOrder.id)
    rows = [row for end in ends for row in session.execute(query.order_by(end).limit(COMPARED_ORDERS))]
    return [KnownOrder(order_id, key) for order_id, key in {order_id: key or "" for order_id, key in rows}.items()]


def _shop_at(session: Session, hook: Hook, url: str, now: datetime) -> Shop:
    """The shop of the hook; a hook without one now belongs to the shop with this URL."""
    address = urls.normalise_address(url)
    at_address = shops.find_by_address(session, address)
    if hook.shop_id is not None:
        own = shops.get(session, hook.shop_id)
        if at_address is not None and at_address.id != own.id:
            message = f"This URL belongs to the shop {at_address.name}, but the hook {hook.name} to {own.name}."
            raise InvalidInput("url", f"{message} If they are the same: pointsync shop merge {at_address.id} {own.id}.")
        return own
    shop = at_address or shops.create(session, address, now)
    hook.shop_id, hook.shop = shop.id, hook.shop or f"{url}/"
    session.flush()
    return shop

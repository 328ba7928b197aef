"""What a shop's plugin says about its connection: it exchanges a code for a key, has moved, or disconnects.

A key is bound to the shop's address. A copy of the shop, such as one for tests, has the key as well, but another
address: its calls are refused before they change anything.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import urls
from pointsync.accounts import api_keys
from pointsync.crypto import is_equal_constant_time, sha256_hex
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.orders import shops
from pointsync.models import ConnectedShop, Site
from pointsync.shops import codes, connected_shops
from pointsync.text_limits import MAX_NAME_LENGTH, printable, sanitise
from pointsync.woocommerce import addresses, api_rule

SCOPES = ("shop", "people")
MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a call says it is from: the plugin's id, and the address of the shop. Empty if the call does not say it."""

    plugin_id: str
    home_url: str


def exchange(session: Session, secret: str, caller: Caller, title: str, now: datetime) -> tuple[ConnectedShop, str]:
    """Exchange the secret of a code for a key that is bound to the caller: the shop, and the key.

    A key that the shop has from before is revoked. Raises WrongCode; InvalidInput for `home_url`; Conflict
    `connected_already` if the plugin is connected under another name. Then the code can still be used.
    """
    if problem := urls.find_problem(caller.home_url):
        raise InvalidInput("home_url", f"The address of the shop {problem}.")
    Site.get_for_update(session)  # one exchange at a time, so that a code counts once
    query = select(ConnectedShop).where(
        ConnectedShop.code_digest == sha256_hex(secret), ConnectedShop.removed_at.is_(None)
    )
    found = session.scalar(query.with_for_update(of=ConnectedShop).execution_options(populate_existing=True))
    shop = codes.check(found, now)
    _refuse_other_name(session, shop, caller)
    connected_shops.revoke_key(session, shop, now)
    row, key = api_keys.create(session, _free_key_name(session, shop.name), now, shop=shop.name, scopes=SCOPES)
    shop.key_id, shop.plugin_id, shop.home_url = row.id, caller.plugin_id, caller.home_url
    shop.title = sanitise(title, MAX_NAME_LENGTH)
    shop.code_used_at = shop.connected_at = now
    shop.disconnected_at = None
    session.flush()
    return shop, key


def check_caller(shop: ConnectedShop, caller: Caller) -> None:
    """Raise Conflict `other_address` unless the call is from the plugin and the address to which the key is bound."""
    if not _has_plugin_id(shop, caller) or not _is_same_place(caller.home_url, shop.home_url or ""):
        raise _other_address(shop, caller.home_url)


def move(session: Session, shop_id: int, caller: Caller, old_url: str, new_url: str, now: datetime) -> str:
    """Bind the key to another address of the same shop, as somebody in the shop has said that it has moved there.
    Return the name of the shop.

    Repeating it changes nothing. Its orders count from the new address as well. Raises InvalidInput for `to`, Conflict
    `other_address` if the key is not bound to `old_url` or the call is not from `new_url`, and `other_shop` if the new
    address belongs to another shop.
    """
    if problem := urls.find_problem(new_url):
        raise InvalidInput("to", f"The new address {problem}.")
    shop = connected_shops.get_locked(session, shop_id)
    bound_url = shop.home_url or ""
    if not _has_plugin_id(shop, caller) or not _is_same_place(caller.home_url, new_url):
        raise _other_address(shop, caller.home_url)
    if not _is_same_place(bound_url, new_url) and not _is_same_place(bound_url, old_url):
        raise _other_address(shop, old_url)
    rule = api_rule.find(session, shop.name, for_update=True)
    if rule is not None and rule.shop_id is not None:
        if shops.list_addresses(session, rule.shop_id):  # else it takes the next address that it reports
            addresses.accept(session, new_url, now, rule.shop_id)
        rule.shop = new_url
    shop.home_url = new_url
    session.flush()
    return shop.name


def disconnect(session: Session, shop_id: int, now: datetime) -> None:
    """Revoke the key, as somebody in the shop has disconnected it. Its rule stays, for the next code."""
    shop = connected_shops.get_locked(session, shop_id)
    connected_shops.revoke_key(session, shop, now)
    shop.disconnected_at = now
    session.flush()


def _refuse_other_name(session: Session, shop: ConnectedShop, caller: Caller) -> None:
    query = select(ConnectedShop.name).where(
        ConnectedShop.plugin_id == caller.plugin_id,
        ConnectedShop.id != shop.id,
        ConnectedShop.removed_at.is_(None),
    )
    other = session.scalar(query.limit(1))
    if other is not None:
        message = (
            f"This shop is connected as {other} already. Get a new code for {other} in PointSync: System › Shops. Or "
            f"disconnect {other} there, and use this code again."
        )
        raise Conflict("connected_already", message, {"shop_id": message})


def _free_key_name(session: Session, name: str) -> str:
    """A name for the key: that of the shop, or one like it if a key has that."""
    taken = {each.name for each in api_keys.list_all(session)}
    names = (name, *(f"{name[:50]}-wordpress{number or ''}" for number in range(1000)))
    return next(each for each in names if each not in taken)


def _has_plugin_id(shop: ConnectedShop, caller: Caller) -> bool:
    return is_equal_constant_time(caller.plugin_id, shop.plugin_id or "")


def _is_same_place(url: str, other: str) -> bool:
    """Whether two addresses are that of the same shop. The scheme changes when a shop gets a certificate."""
    return bool(url) and urls.normalise_address(url) == urls.normalise_address(other)


def _other_address(shop: ConnectedShop, url: str) -> Conflict:
    said = f"from {printable(url, MAX_SHOWN)}" if url else "without the address of its shop"
    message = (
        f"This key belongs to the shop at {printable(shop.home_url or '', MAX_SHOWN)}, and the call came {said}. "
        "Nothing was changed. If the shop has moved, say so in the shop: WooCommerce › PointSync. A copy needs a code "
        "of its own, and another program an API key of its own."
    )
    return Conflict("other_address", message)

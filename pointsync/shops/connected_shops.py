"""Connected shops, as admins see them: listed, begun with a code and a rule, given another code, and disconnected."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from pointsync.accounts import api_keys
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.errors import Conflict, NotFound
from pointsync.models import ApiKey, ConnectedShop, Hook, Site
from pointsync.shops import codes
from pointsync.sync.site import general
from pointsync.text_limits import printable
from pointsync.woocommerce import api_rule, hooks, rules

MAX_SHOPS = 200
"""Of this site. Their states are read for each Dashboard."""


class ExistingRule(StrEnum):
    """What becomes of the rule by which the orders of a shop count already, when it is connected."""

    REFUSE = "refuse"
    """The shop is not connected."""
    KEEP = "keep"
    REPLACE = "replace"


def list_all(session: Session) -> list[ConnectedShop]:
    """The shops that are connected, or have or had a code, sorted by name; with what their plugins have reported."""
    query = select(ConnectedShop).where(ConnectedShop.removed_at.is_(None)).order_by(ConnectedShop.name)
    return list(session.scalars(query.options(selectinload(ConnectedShop.state))))


def get(session: Session, row_id: int) -> ConnectedShop:
    """The shop with this id. Raises NotFound."""
    shop = session.get(ConnectedShop, row_id, options=[joinedload(ConnectedShop.state)])
    if shop is None or shop.removed_at is not None:
        raise NotFound("unknown_shop", "There is no such shop. It may have been disconnected already.")
    return shop


def get_locked(session: Session, row_id: int) -> ConnectedShop:
    """The shop, locked against what its plugin and admins do at the same time. Raises NotFound."""
    get(session, row_id)
    return session.get_one(ConnectedShop, row_id, with_for_update={"of": ConnectedShop}, populate_existing=True)


def get_by_name(session: Session, name: str) -> ConnectedShop:
    """The shop with this name. Raises NotFound."""
    shop = find_by_name(session, name)
    if shop is None:
        message = f"There is no shop {printable(name, 64)!r} with the plugin. See the list: pointsync shop list."
        raise NotFound("unknown_shop", message, {"name": message})
    return shop


def find_by_name(session: Session, name: str) -> ConnectedShop | None:
    """The shop with this name, or None."""
    return session.scalar(select(ConnectedShop).where(ConnectedShop.name == name, ConnectedShop.removed_at.is_(None)))


def find_rule(session: Session, shop: ConnectedShop) -> Hook | None:
    """How the orders of the shop count, or None."""
    return api_rule.find(session, shop.name)


def begin(
    session: Session,
    vault: Vault,
    config: Config,
    name: str,
    now: datetime,
    *,
    reserve_key: str | None,
    existing: ExistingRule = ExistingRule.REFUSE,
    **rule: Any,
) -> tuple[ConnectedShop, str]:
    """Let a shop connect: its row, and the code that is shown once.

    `reserve_key` and `rule`, the arguments of `api_rule.add`, say how its orders count. Without a reserve, the rule
    that its API keys have stays; with one, `existing` says what becomes of it. Orders that have counted keep their
    points and the rule by which they did. Raises InvalidInput; Conflict if a shop has the name (`name_taken`), if there
    is a rule (`other_rule`), or if this site has no public URL (`no_url`); and what `api_rule.add` raises.
    """
    api_keys.check_name(name)
    url = _get_site_url(session, config)
    shops = list_all(session)
    if any(each.name == name for each in shops):
        message = f"There is a shop {name} already. Give it a new code in the list, or choose another name."
        raise Conflict("name_taken", message, {"name": message})
    if len(shops) >= MAX_SHOPS:
        message = f"There are {MAX_SHOPS} shops already. Disconnect one that is not used any more."
        raise Conflict("too_many_shops", message, {"name": message})
    present = api_rule.find(session, name, for_update=True)
    if reserve_key is not None and present is not None and existing is ExistingRule.REFUSE:
        message = (
            f"The orders of {name} count already: {rules.describe(present)}; in {present.reserve.name}. Choose whether "
            "that rule stays, or is replaced by the one above."
        )
        raise Conflict("other_rule", message, {"existing": message})
    if reserve_key is not None and (present is None or existing is ExistingRule.REPLACE):
        if present is not None:
            hooks.remove(session, present.name, now)
        api_rule.add(session, vault, key_shop=name, reserve_key=reserve_key, needs_key=False, now=now, **rule)
    elif present is None:
        message = f"Choose where the points of {name} go, and how its orders count."
        raise Conflict("no_rule", message, {"reserve": message})
    shop = ConnectedShop(name=name, created_at=now)
    session.add(shop)
    code = codes.renew(shop, url, now)
    session.flush()
    return shop, code


def renew_code(session: Session, config: Config, row_id: int, now: datetime) -> tuple[ConnectedShop, str]:
    """Give a shop another code: to connect it, or to connect it again. Raises NotFound, and Conflict `no_url`.

    Until the code is used, the key that the shop has works on.
    """
    url = _get_site_url(session, config)
    shop = get_locked(session, row_id)
    code = codes.renew(shop, url, now)
    session.flush()
    return shop, code


def disconnect(session: Session, row_id: int, now: datetime) -> ConnectedShop:
    """End the connection: the key is revoked, and the shop's orders do not count any more. Raises NotFound.

    What was recorded stays. Connected again under the same name, the shop goes on where it was.
    """
    Site.get_for_update(session)
    shop = get_locked(session, row_id)
    revoke_key(session, shop, now)
    rule = find_rule(session, shop)
    # Other programs of the shop may report its orders with keys of their own.
    if rule is not None and shop.name not in api_keys.list_shops(session, api_rule.SCOPE):
        hooks.remove(session, rule.name, now)
    shop.code_digest, shop.removed_at = None, now
    session.flush()
    return shop


def revoke_key(session: Session, shop: ConnectedShop, now: datetime) -> None:
    """Revoke the key of the shop, if it has one that an admin has not revoked already."""
    key = session.get(ApiKey, shop.key_id) if shop.key_id is not None else None
    if key is not None and key.revoked_at is None:
        api_keys.revoke(session, key.name, now)
    shop.key_id = None


def _get_site_url(session: Session, config: Config) -> str:
    """What a code has as the URL of this site. Raises Conflict."""
    url = general.get_effective_url(Site.get_for_update(session), config)
    if url is None:
        message = "This site has no public URL yet, so a shop could not call it. Enter it under System › General first."
        raise Conflict("no_url", message, {"name": message})
    return url

"""How the orders count that a shop reports by the API: a hook without webhooks, one for each shop that has API keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.accounts import api_keys
from pointsync.crypto import Vault
from pointsync.errors import Conflict, NotFound
from pointsync.models import Hook
from pointsync.text_limits import printable
from pointsync.woocommerce import hooks

SCOPE = "shop"
"""What a key needs to report orders."""
MAX_HOOK_NAME_LENGTH = 64


def add(
    session: Session,
    vault: Vault,
    *,
    key_shop: str,
    reserve_key: str,
    now: datetime,
    needs_key: bool = True,
    **rule: Any,
) -> Hook:
    """Let the shop `key_shop`, which has API keys, report orders by the API. `rule` has the arguments of `hooks.add`
    that say how orders count, such as `rate`. Without `needs_key`, the shop gets its key later.

    Raises NotFound for a shop without keys, Conflict if it has a rule, and what `hooks.add` raises.
    """
    if needs_key and key_shop not in api_keys.list_shops(session, SCOPE):
        message = (
            f"No API key with the scope {SCOPE} belongs to a shop {printable(key_shop, 64)!r}. Create one: pointsync "
            f"key create NAME --shop SHOP --scope {SCOPE}"
        )
        raise NotFound("unknown_shop", message, {"shop": message})
    last = session.scalar(select(Hook).where(Hook.key_shop == key_shop).order_by(Hook.id.desc()).limit(1))
    if last is not None and last.removed_at is None:
        message = (
            f"The shop {key_shop} reports its orders by the API already, and they count in {last.reserve.key}. To "
            f"change that, remove it first: pointsync hook remove {last.name}"
        )
        raise Conflict("other_rule", message, {"shop": message})
    hook = hooks.add(
        session,
        vault,
        name=_free_name(session, key_shop),
        secret=ids.new_token(),  # never used: no webhook delivers to it
        reserve_key=reserve_key,
        key_shop=key_shop,
        now=now,
        **rule,
    )
    if last is not None:  # the same shop goes on, so its program need not report everything again
        hook.seen_until, hook.shop_id, hook.shop = last.seen_until, last.shop_id, last.shop
        session.flush()
    return hook


def find(session: Session, key_shop: str, *, for_update: bool = False) -> Hook | None:
    """How the orders of this shop count, or None. `for_update` locks it against concurrent reports."""
    query = select(Hook).where(Hook.key_shop == key_shop, Hook.removed_at.is_(None))
    if for_update:
        query = query.with_for_update(of=Hook).execution_options(populate_existing=True)
    return session.scalar(query)


def _free_name(session: Session, key_shop: str) -> str:
    """The shop's name, or one like it if a hook has that."""
    taken = {each.name for each in hooks.list_all(session)}
    names = (key_shop, *(f"{key_shop[: MAX_HOOK_NAME_LENGTH - 8]}-api{number or ''}" for number in range(1000)))
    return next(name for name in names if name not in taken)

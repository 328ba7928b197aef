"""How the reading of each shop goes, for the panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pointsync.models import Hook, ShopKey, ShopKeyRequest
from pointsync.woocommerce import hooks
from pointsync.woocommerce.reading import key_requests, keys
from pointsync.woocommerce.reading.rest_api import PERMANENT_CODES

ALARM_AFTER = timedelta(minutes=5)
"""A shop that does not answer for less is restarting."""


@dataclass(frozen=True, slots=True)
class ShopReading:
    """A shop whose orders hooks count: the one that links name, and the names of all of them."""

    hook: Hook | None
    """None for a shop with a key whose hooks were removed."""
    hooks: Sequence[str]
    key: ShopKey | None
    request: ShopKeyRequest | None
    """The last question for a key, if it has failed."""

    @property
    def shop(self) -> str:
        """What the shop is called: its address."""
        return self.key.url if self.key else (self.hook and self.hook.shop) or ""


def list_all(session: Session) -> list[ShopReading]:
    """The shops whose orders are counted, each with its key. A hook without a shop is listed by itself."""
    by_shop: dict[object, list[Hook]] = {}
    for hook in hooks.list_all(session):
        if hook.rule == "orders":
            by_shop.setdefault(hook.shop_id or f"hook {hook.id}", []).append(hook)
    by_id = {key.shop_id: key for key in keys.list_all(session)}
    failed = key_requests.list_failed(session)
    counted = [
        ShopReading(
            each[0],
            [hook.name for hook in each],
            by_id.get(each[0].shop_id or 0),
            next((failed[hook.id] for hook in each if hook.id in failed), None),
        )
        for each in by_shop.values()
    ]
    return counted + [ShopReading(None, [], key, None) for key in by_id.values() if key.shop_id not in by_shop]


def list_failing(session: Session, now: datetime) -> list[ShopReading]:
    """The shops that cannot be read, as far as an admin should know: for minutes, or because of an error that stays."""
    if not any(is_alarming(key, now) for key in keys.list_all(session)):
        return []
    return [each for each in list_all(session) if each.hook and each.key and is_alarming(each.key, now)]


def is_alarming(key: ShopKey, now: datetime) -> bool:
    """Whether an admin should know that a shop cannot be read."""
    if key.failing_since is None:
        return False
    return key.code in PERMANENT_CODES or not now - ALARM_AFTER < key.failing_since <= now

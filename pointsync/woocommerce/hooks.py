"""Hooks: the URLs to which WooCommerce shops deliver. Admins create them."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.accounts.api_keys import check_name
from pointsync.crypto import Vault
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Hook, HookDelivery, Site
from pointsync.text_limits import QUOTES, is_storable
from pointsync.woocommerce import rule_input, rules
from pointsync.woocommerce.rule_input import RuleInput

KEPT_DELIVERIES = 1000
MAX_STATUS_LENGTH = 16
"""What the column of the hook has room for; its rule has the whole name."""

MAX_SECRET_BYTES = 500
_ALTERED_SECRETS = {
    re.compile("<"): "WordPress changes a secret with a < in it",
    re.compile("%[0-9a-fA-F]{2}"): "WordPress removes a % and the two characters after it from a secret",
    re.compile("  "): "WordPress makes one space of several in a secret",
}
"""What `sanitize_text_field` (wp-includes/formatting.php) alters, through which WooCommerce passes a typed secret. Then
the shop would sign with another secret than the one that was typed here."""

_TOKEN = re.compile(r"[0-9a-f]{32}\Z")


def add(
    session: Session,
    vault: Vault,
    *,
    name: str,
    secret: str,
    reserve_key: str,
    rate: Decimal | str | None = None,
    status: str | Sequence[str] | None = None,
    base: str | None = None,
    currencies: Mapping[str, str] | None = None,
    counts_from: datetime | None = None,
    counts_all: bool = False,
    counts_children: bool | None = None,
    minimums: Mapping[str, str] | None = None,
    excluded_products: Sequence[str] | None = None,
    typed: RuleInput | None = None,
    by_movements: bool = False,
    key_shop: str | None = None,
    now: datetime,
) -> Hook:
    """Create a hook.

    The rule for orders is that of `RuleInput`. By default each unit of the goods of a completed order gives a point,
    and orders that were created before now do not count.

    `key_shop` is the shop whose API keys report the orders, in place of webhooks: see `api_rule`.

    The name of a removed hook may be used again. Raises InvalidInput, NotFound for the reserve, and Conflict if an
    active hook has the name, or if the reserve has a hook with the other rule: an order and the movement that it caused
    would both count.
    """
    check_name(name)
    secret = check_secret(secret)
    typed = typed or RuleInput(
        base=base,
        rate=rate,
        statuses=status,
        currencies=currencies,
        minimums=minimums,
        excluded_products=excluded_products,
        counts_from=counts_from,
        counts_all=counts_all,
        counts_children=counts_children,
    )
    order_rule = rule_input.build(typed, now)
    reserve = reserves.get(session, reserve_key)
    rule = "movements" if by_movements else "orders"
    Site.get_for_update(session)  # one transaction at a time checks the other hooks and adds one
    for other in list_all(session):
        if other.name == name:
            message = f"A hook named {name} already exists. Choose another name, or remove that hook first."
            raise Conflict("name_taken", message, {"name": message})
        if other.reserve_id == reserve.id and other.rule != rule:
            message = (
                f"The hook {other.name} already gives points in {reserve.key} by {other.rule}. With a hook by {rule}, "
                "orders would count twice. Remove that hook first, or choose another reserve."
            )
            raise Conflict("other_rule", message, {"reserve": message})
    hook = Hook(
        token=ids.new_token(),
        name=name,
        sealed_secret=vault.encrypt(secret),
        reserve=reserve,
        rule=rule,
        order_rule=None,
        key_shop=key_shop,
        created_at=now,
    )
    _set_rule(hook, order_rule)
    if by_movements:
        hook.order_rule = None
    session.add(hook)
    session.flush()
    return hook


def change(
    session: Session, vault: Vault, hook_id: int, *, secret: str | None = None, typed: RuleInput | None = None
) -> Hook:
    """Change the secret or the rule of an active hook; what is None stays. Orders that have counted keep their rule.

    Raises NotFound, InvalidInput, and Conflict for the rule of a hook that records movements.
    """
    hook = get(session, hook_id, for_update=True)
    if typed is not None and hook.rule != "orders":
        raise Conflict("no_rule", "This hook records the shop plugin's movements. It has no rule for orders.")
    if secret is not None:
        hook.sealed_secret = vault.encrypt(check_secret(secret))
    if typed is not None:
        _set_rule(hook, rule_input.change(OrderRule.from_text(hook.order_rule), typed))
    session.flush()
    return hook


def list_all(session: Session) -> list[Hook]:
    """The active hooks, sorted by name."""
    return list(session.scalars(select(Hook).where(Hook.removed_at.is_(None)).order_by(Hook.name)))


def get(session: Session, hook_id: int, *, for_update: bool = False) -> Hook:
    """The active hook with this id. `for_update` locks it against concurrent deliveries. Raises NotFound."""
    options: dict[str, Any] = {"with_for_update": {"of": Hook}, "populate_existing": True} if for_update else {}
    hook = session.get(Hook, hook_id, **options)
    if hook is None or hook.removed_at is not None:
        raise NotFound("unknown_hook", "There is no such hook. It may have been removed already.")
    return hook


def list_deliveries(session: Session, hook_id: int, limit: int) -> list[HookDelivery]:
    """The newest deliveries of a hook, newest first."""
    query = select(HookDelivery).where(HookDelivery.hook_id == hook_id).order_by(HookDelivery.id.desc()).limit(limit)
    return list(session.scalars(query))


def get_by_name(session: Session, name: str) -> Hook:
    """The active hook with this name. Raises NotFound."""
    hook = next((each for each in list_all(session) if each.name == name), None)
    if hook is None:
        message = f"There is no hook {name[:64]!r}. See the list of hooks: pointsync hook list."
        raise NotFound("unknown_hook", message, {"name": message})
    return hook


def remove(session: Session, name: str, now: datetime) -> None:
    """Remove the active hook with this name: its URL then answers 404. Raises NotFound.

    What it has kept is received by another hook of the same shop.
    """
    get_by_name(session, name).removed_at = now
    session.flush()


def find(session: Session, token: str, *, for_update: bool = False) -> Hook | None:
    """The active hook with this token in its URL, or None. `for_update` locks it against concurrent deliveries."""
    if not _TOKEN.match(token):
        return None
    query = select(Hook).where(Hook.token == token, Hook.key_shop.is_(None), Hook.removed_at.is_(None))
    if for_update:
        query = query.with_for_update(of=Hook).execution_options(populate_existing=True)
    return session.scalar(query)


def delivery_url(hook: Hook, site_url: str | None) -> str:
    """The URL that an admin enters in the shop; only the path if the public URL is unknown. Empty if the shop reports
    by the API.
    """
    if hook.key_shop is not None:
        return ""
    return f"{(site_url or '').rstrip('/')}/hooks/woocommerce/{hook.token}"


def prune(session: Session, keep_count: int = KEPT_DELIVERIES) -> int:
    """Delete all but the last `keep_count` deliveries of each hook. Return how many were deleted."""
    deleted = 0
    for hook_id in session.scalars(select(Hook.id)).all():
        of_hook = HookDelivery.hook_id == hook_id
        newest_to_delete = session.scalar(
            select(HookDelivery.id).where(of_hook).order_by(HookDelivery.id.desc()).offset(keep_count).limit(1)
        )
        if newest_to_delete is not None:
            result = session.execute(
                delete(HookDelivery).where(of_hook, HookDelivery.id <= newest_to_delete).returning(HookDelivery.id)
            )
            deleted += len(result.all())
    return deleted


def _set_rule(hook: Hook, rule: OrderRule) -> None:
    hook.order_rule = rule.to_text()
    hook.rate, hook.status = rules.rounded_rate(rule), rule.statuses[0][:MAX_STATUS_LENGTH]


def check_secret(text: str) -> str:
    """The secret without spaces and line ends around it, which WordPress removes as well.

    Raises InvalidInput for `secret`, with the reason, if the shop would sign with another one.
    """
    text = text.strip()
    if not text or not is_storable(text) or len(text.encode()) > MAX_SECRET_BYTES:
        message = f"Enter the secret of the shop's webhook: 1 to {MAX_SECRET_BYTES} plain characters on one line."
        raise InvalidInput("secret", message)
    for altered, reason in _ALTERED_SECRETS.items():
        if altered.search(text):
            raise InvalidInput("secret", f"{reason}, so no delivery could be checked. Choose another secret.")
    if len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES:
        message = "There are quotation marks around the secret. Enter it without them, or choose another secret."
        raise InvalidInput("secret", message)
    return text

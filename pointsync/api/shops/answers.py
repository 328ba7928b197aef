"""What this site answers to a connected shop."""

from typing import Any

from sqlalchemy.orm import Session

import pointsync
from pointsync.api.schemas import SiteHook
from pointsync.api.shops.schemas import ReserveOfShop, RuleOfShop, ShopAnswer, SiteOfShop
from pointsync.ledger.feed.lineage import get_lineage
from pointsync.ledger.people.erased import lives
from pointsync.models import ConnectedShop, Hook, Site
from pointsync.runtime import get_runtime
from pointsync.shops import double_counting
from pointsync.sync.site import general
from pointsync.woocommerce import api_rule


def describe(session: Session, shop: ConnectedShop) -> ShopAnswer:
    """The site, and how the orders of the shop count."""
    return ShopAnswer(**build(session, shop))


def build(session: Session, shop: ConnectedShop) -> dict[str, Any]:
    """The fields of this answer."""
    site, config = session.get_one(Site, 1), get_runtime().config
    rule = api_rule.find(session, shop.name)
    return {
        "shop": shop.name,
        "site": SiteOfShop(
            auth=site.auth,
            name=general.get_site_name(session, config),
            url=general.get_effective_url(site, config),
            version=pointsync.__version__,
        ),
        "lineage": get_lineage(session),
        "reserve": ReserveOfShop(rule.reserve.key, rule.reserve.name) if rule else None,
        "has_rule": rule is not None,
        "rule": RuleOfShop.from_hook(rule) if rule else None,
        "erased_addresses": lives.count(session),
        "double_counting": describe_hooks(double_counting.list_hooks(session, shop)),
    }


def describe_hooks(hooks: list[Hook]) -> list[SiteHook]:
    """The documents of hooks."""
    return [SiteHook(each.name, each.reserve.key, each.rule, each.shop, each.key_shop) for each in hooks]

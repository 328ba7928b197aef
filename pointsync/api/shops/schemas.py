"""What the calls about connected shops read and answer. The class names and descriptions are in openapi.json."""

from typing import Annotated, Self

from msgspec import Meta, Struct, field

from pointsync import clock
from pointsync.api.schemas import SiteHook
from pointsync.ledger.movement_json import DateTimeString
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Hook
from pointsync.shops.plugin_report import Currency, Version
from pointsync.woocommerce.rules import rate_text

Url = Annotated[str, Meta(extra_json_schema={"maxLength": 500, "format": "uri"}, examples=["https://mugs.example"])]


class ConnectingShop(Struct, kw_only=True, forbid_unknown_fields=True):
    """A shop with a one-use code."""

    code: Annotated[str, Meta(description="What the code has as c.", extra_json_schema={"maxLength": 200})]
    shop_id: Annotated[
        str,
        Meta(
            description="A random id that the plugin has generated once: 32 hex digits.",
            pattern="^[0-9a-f]{32}$",
            max_length=32,
        ),
    ]
    home_url: Annotated[Url, Meta(description="The address of the shop, to which the key is bound.")]
    name: Annotated[str, Meta(description="What the shop calls itself.", max_length=500)] = ""
    plugin_version: Version
    wordpress_version: Version
    woocommerce_version: Annotated[Version | None, Meta(description="null while WooCommerce is not active.")]
    php_version: Version
    currency: Currency | None = None


class SiteOfShop(Struct, kw_only=True):
    """This site, for a connected shop."""

    auth: str
    name: str
    url: str | None
    version: str


class ReserveOfShop(Struct):
    """The points reserve in which the shop's orders count."""

    key: str
    name: str


class RuleOfShop(Struct, kw_only=True):
    """How the shop's orders count, so that the shop can say how many points something gives."""

    base: Annotated[str, Meta(description="goods, goods+tax or total.")]
    statuses: Annotated[list[str], Meta(description="In which statuses an order gives points.")]
    rates: Annotated[
        dict[str, str],
        Meta(
            description="Points per unit, by currency, such as 0.5 or 1/3. The empty code is the shop’s own currency."
        ),
    ]
    minimums: Annotated[dict[str, str], Meta(description="The lowest amount that counts, by currency as in rates.")]
    excluded_products: list[int]
    excluded_categories: list[int]
    excluded_roles: list[str]
    excludes_sale_items: bool
    excludes_gift_cards: bool
    counts_from: Annotated[DateTimeString | None, Meta(description="Orders from before do not count.")]

    @classmethod
    def from_hook(cls, hook: Hook) -> Self:
        """The document of a rule."""
        rule = OrderRule.from_text(hook.order_rule)
        return cls(
            base=rule.base,
            statuses=list(rule.statuses),
            rates={code: rate_text(rate) for code, rate in rule.rates.items()},
            minimums={code: rate_text(amount) for code, amount in rule.minimums.items()},
            excluded_products=sorted(rule.excluded_products),
            excluded_categories=sorted(rule.excluded_categories),
            excluded_roles=sorted(rule.excluded_roles),
            excludes_sale_items=rule.excludes_sale_items,
            excludes_gift_cards=rule.excludes_gift_cards,
            counts_from=clock.to_text(rule.counts_from) if rule.counts_from else None,
        )


class ShopAnswer(Struct, kw_only=True):
    """What this site tells a connected shop."""

    shop: Annotated[str, Meta(description="The name of the shop at this site.")]
    site: SiteOfShop
    lineage: Annotated[str, Meta(description="It changes when this site may have lost what it had recorded.")]
    reserve: Annotated[ReserveOfShop | None, Meta(description="null if nothing says how its orders count.")]
    has_rule: Annotated[bool, Meta(description="Whether an admin has set how its orders count.")]
    rule: RuleOfShop | None
    erased_addresses: Annotated[
        int,
        Meta(
            description="It grows when people are erased. Then ask POST /customers/erased about the addresses that the "
            "shop stores."
        ),
    ]
    double_counting: Annotated[
        list[SiteHook],
        Meta(
            description="Hooks that count the orders of this shop in the same reserve. While there is one, POST "
            "/orders is refused with counted_twice. POST /shops/hooks/remove removes it."
        ),
    ]


class ConnectedShop(ShopAnswer, kw_only=True):
    """A shop that has connected."""

    key: Annotated[str, Meta(description="Its API key, with the scopes shop and people. It is not shown again.")]


class MovedShop(Struct, kw_only=True, forbid_unknown_fields=True):
    """The old and the new address of a shop that has moved."""

    from_url: Annotated[Url, Meta(description="The address before.")] = field(name="from")
    to: Annotated[Url, Meta(description="The address now.")]


class BoundShop(Struct):
    """A shop and its address."""

    shop: str
    home_url: Annotated[str, Meta(description="The address to which its key is bound.")]


class HookToRemove(Struct, forbid_unknown_fields=True):
    """One of the hooks in double_counting."""

    hook: Annotated[str, Meta(description="Its name.", extra_json_schema={"maxLength": 64})]

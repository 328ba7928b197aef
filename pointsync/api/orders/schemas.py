"""What the call about orders reads and answers. The class names and descriptions are published in openapi.json."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from pointsync.ledger.movement_json import DateTimeString
from pointsync.woocommerce.api_orders import MAX_ORDERS


class ReportedOrders(Struct, kw_only=True, forbid_unknown_fields=True):
    """Orders of a shop, as they are now."""

    shop: Annotated[
        str,
        Meta(
            description="The address of the shop, the same in each call.",
            examples=["https://mugs.example"],
            extra_json_schema={"minLength": 1, "maxLength": 500},
        ),
    ]
    orders: Annotated[
        list[Any],
        Meta(
            description="Orders as WooCommerce's REST API, version 3, prints them. refunds may hold whole refunds with "
            'their lines. {"id": 17, "deleted": true} is a deleted order. GET only asks for lineage and '
            "seen_until.",
            max_length=MAX_ORDERS,
            extra_json_schema={"items": {"description": "An order."}},
        ),
    ]


class OrderResult(Struct, kw_only=True, omit_defaults=True):
    """What happened to one order."""

    id: Annotated[int | None, Meta(description="The order's id in the shop; null if it could not be read.")]
    status: Annotated[
        Literal["applied", "unchanged", "older", "not_counted"],
        Meta(
            description="applied: points were given or taken back. unchanged: it has given what it is worth. older: a "
            "newer state was reported before. not_counted: it gives no points, for the reason given."
        ),
    ]
    points: Annotated[int, Meta(description="The points that the order has given, all in all.")]
    reason: Annotated[str, Meta(description="For people: why it gives no points. Left out if there is none.")] = ""


class ReportsSeen(Struct, kw_only=True):
    """How far this site has seen the reports of orders."""

    lineage: Annotated[
        str,
        Meta(
            description="It changes when this site may have lost what it had recorded: after a restore, or if another "
            "site answers. Then send orders again, and begin the feed anew."
        ),
    ]
    seen_until: Annotated[
        DateTimeString | None,
        Meta(
            description="The seen_at of the last call, before this one; null if this site remembers none. If it is "
            "earlier than the seen_at that you have stored, this site has forgotten calls: send all orders again that "
            "you sent after it."
        ),
    ]


class OrderResults(ReportsSeen, kw_only=True):
    """A result for each order, in the order of the call."""

    results: list[OrderResult]
    seen_at: Annotated[
        DateTimeString,
        Meta(description="The number of this call: a time that only grows, also as a text. Store it with the orders."),
    ]


class GivenOrder(Struct, kw_only=True):
    """An order that has given points."""

    id: Annotated[int, Meta(description="Its id in the shop.")]
    order_key: Annotated[str, Meta(description="Another key under the same id is another order. Empty if unknown.")]
    points: int


class GivenOrders(Struct, kw_only=True):
    """Orders that have given points, the lowest id first."""

    orders: list[GivenOrder]
    next: Annotated[int | None, Meta(description="Pass it as after for the next page; null on the last page.")]

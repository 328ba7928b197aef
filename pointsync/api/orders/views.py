"""`POST /orders` and `GET /orders`."""

from datetime import UTC, datetime
from functools import partial

from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.auth import current_shop
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.orders.schemas import (
    GivenOrder,
    GivenOrders,
    OrderResult,
    OrderResults,
    ReportedOrders,
    ReportsSeen,
)
from pointsync.api.query_parameters import MAX_DIGITS, parse_number, parse_text
from pointsync.api.request_bodies import BodySchema, decode_body, parse_object, read_body
from pointsync.api.responses import json_response
from pointsync.db.chunking import chunks
from pointsync.errors import DomainError, InvalidInput
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_ORDERS_BODY_BYTES, large_body_turn
from pointsync.woocommerce import api_orders
from pointsync.woocommerce.api_orders import MAX_ORDERS, ORDERS_AT_ONCE, TakenIn

MAX_GIVEN = 1000

_SCHEMA = BodySchema(
    ReportedOrders,
    'The body must be an object, such as {"shop": "https://mugs.example", "orders": [{"id": 17, …}]}.',
    {
        "shop": "The shop must be its address in quotes, such as https://mugs.example.",
        "orders": f"The orders must be a list of at most {MAX_ORDERS} orders.",
    },
)


@endpoint(
    "POST",
    "/orders",
    scope="shop",
    title="Report orders",
    description=(
        "Reports what orders are now, whenever they have changed. This site computes their points, and records the "
        "difference from what they have given. How they count is set by an admin, once for the shop of the key. It "
        "does no harm to report an order again. An order that cannot be used does not stop the others."
    ),
    body=(ReportedOrders,),
    responses={200: SuccessResponse("The orders were taken in.", (OrderResults,))},
    errors={
        409: "no_rule: no admin has set how this shop's orders count. counted_twice: a hook counts this shop's orders "
        "in the same points reserve already. other_shop: the address belongs to another shop.",
        413: "The body is larger than 8 MB.",
        422: "The body is not valid JSON, or a field is not valid.",
    },
)
def report_orders() -> ResponseReturnValue:
    """Settle the orders of the body, and wake the couriers."""
    key_shop, now = current_shop(), clock.now()
    raw = read_body(MAX_ORDERS_BODY_BYTES)
    try:
        with large_body_turn(len(raw)):
            taken = _take_in(key_shop, parse_object(decode_body(raw), _SCHEMA), now)
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    if taken.has_recorded:
        get_runtime().wake_couriers()
    return json_response(
        OrderResults(
            results=[
                OrderResult(id=each.order_id, status=each.status, points=each.points, reason=each.reason)  # type: ignore[arg-type]
                for each in taken.results
            ],
            lineage=taken.lineage,
            seen_until=_to_text(taken.seen_until) if taken.seen_until else None,
            seen_at=_to_text(taken.seen_at),
        )
    )


@endpoint(
    "GET",
    "/orders",
    scope="shop",
    title="Ask what was reported",
    description="Says until when this site remembers the reports of orders of the key's shop. It changes nothing.",
    responses={200: SuccessResponse("What this site remembers.", (ReportsSeen,))},
)
def show_reports_seen() -> ResponseReturnValue:
    """Say how far reports were seen. The server asks this, too, before it receives a large body."""
    lineage, seen_until = api_orders.read_seen(db.session(), current_shop())
    return json_response(ReportsSeen(lineage=lineage, seen_until=_to_text(seen_until) if seen_until else None))


@endpoint(
    "GET",
    "/orders/given",
    scope="shop",
    title="List orders that have given points",
    description=(
        "The orders of the key's shop that have given points and were reported since a time, the lowest id first. If "
        "the shop's own database was restored, it learns by them which orders it has lost, and reports them as deleted."
    ),
    parameters=(
        Parameter("since", "Only orders that were reported since then, such as a seen_at.", schema={"type": "string"}),
        Parameter("after", "The value of next from the page before."),
        Parameter(
            "limit",
            f"The highest number of orders. Default: {MAX_GIVEN}.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_GIVEN, "default": MAX_GIVEN},
        ),
    ),
    responses={200: SuccessResponse("The orders.", (GivenOrders,))},
    errors={422: "The time, the position or the limit is not valid."},
)
def list_given_orders() -> ResponseReturnValue:
    """List the orders of the shop that have given points."""
    since = _parse_since(parse_text("since", "Give since only once."))
    after = parse_number("after", 1, 10**MAX_DIGITS, "The position must be the value of next from the page before.")
    limit = parse_number("limit", 1, MAX_GIVEN, f"The limit must be a whole number from 1 to {MAX_GIVEN}.") or MAX_GIVEN
    found = api_orders.list_given(db.session(), current_shop(), since, after or 0, limit)
    orders = [GivenOrder(id=each.order_id, order_key=each.order_key, points=each.points) for each in found]
    return json_response(GivenOrders(orders=orders, next=orders[-1].id if len(orders) == limit else None))


def _parse_since(text: str | None) -> datetime:
    if text is None:
        return datetime.min.replace(tzinfo=UTC)
    try:
        return clock.from_text(text)
    except ValueError as error:
        message = "The time must be written such as 2026-11-29T11:09:22Z."
        raise InvalidInput("since", message) from error


def _take_in(key_shop: str, body: ReportedOrders, now: datetime) -> TakenIn:
    """Settle the orders part by part, so that others need not wait for all of them. What was taken in before an error
    stays: the shop reports the same orders again."""
    parts = list(chunks(body.orders, ORDERS_AT_ONCE)) or [[]]
    return api_orders.combine(
        [
            db.run_in_transaction(partial(api_orders.take_in, key_shop=key_shop, shop=body.shop, items=items, now=now))
            for items in parts
        ]
    )


def _to_text(time: datetime) -> str:
    """Always with milliseconds, so that programs can compare these times as texts."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

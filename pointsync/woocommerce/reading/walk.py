"""Walking through a shop's orders, page by page, in the order of a date. How far it has come is stored after each page.

A page begins after the date of the last order read, not at a number, because orders move while they are read: a change
gives an order a later date, and what comes after it moves up. Of parameters, WooCommerce's orders take `modified_after`
and `after`, both without the moment itself, `orderby` date or modified, and one status or `any`, which leaves out the
trash; see its class-wc-rest-crud-controller.php.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pointsync.woocommerce.reading.rest_api import BAD_ANSWER, ShopApi, ShopCallError

PAGE_SIZES = (50, 10, 2)
"""Orders per page. If the answer is too large for one, smaller pages are asked for."""
OVERLAP = timedelta(minutes=5)
"""A transaction of the shop that began before may end after; and its servers' clocks differ."""
FIELDS = (
    "id,parent_id,number,order_key,status,currency,total,customer_id,billing,date_created_gmt,date_modified_gmt,"
    "line_items,fee_lines,shipping_lines,refunds"
)
CHANGED, CREATED = "modified", "date"
"""What `orderby` is called; orders are walked by it."""
ANY, TRASH = "any", "trash"

_ONE_SECOND = timedelta(seconds=1)
_PARAMETERS = {CHANGED: ("modified_after", "modified_before"), CREATED: ("after", "before")}
_DATE_FIELDS = {CHANGED: "date_modified_gmt", CREATED: "date_created_gmt"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a walk has come."""

    by: str
    statuses: tuple[str, ...]
    """Walked one after the other."""
    start: datetime
    """Orders after this time are walked."""
    began_at: datetime
    after: datetime
    """In the present status, everything up to this time was read."""
    page: int | None = None
    """More orders than fit on a page can have the same second: of the second after `after`, this page is next. They are
    read from the last page to the first, so that none is left out if one before it gets another date meanwhile."""
    orders: int = 0
    """Orders read so far."""
    changes: int = 0
    """Those of them that changed points."""
    may_miss_many: bool = False
    """An admin has said that it is right that many orders are missing."""

    @classmethod
    def begin(cls, by: str, statuses: tuple[str, ...], start: datetime, now: datetime) -> Self:
        """A walk over all orders after `start`."""
        return cls(by, statuses, start, now, start)

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=lambda time: time.isoformat())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The cursor from `to_text`."""
        values = json.loads(text)
        times = {name: datetime.fromisoformat(values[name]) for name in ("start", "began_at", "after")}
        return cls(**values | times | {"statuses": tuple(values["statuses"])})


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders as the shop lists them, and where the walk goes on; None at its end."""

    asked_at: datetime
    orders: list[dict[str, Any]]
    next: Cursor | None
    covered: tuple[datetime, datetime] | None = None
    """After the first and up to the second time, it lists all orders of its status."""
    shop_at: datetime | None = None
    """When the shop answered, by its own clock."""


def fetch_page(api: ShopApi, cursor: Cursor, now: datetime) -> Page:
    """The next page of a walk. Raises ShopCallError."""
    for size in PAGE_SIZES:
        try:
            return _fetch_second(api, cursor, now, size) if cursor.page else _fetch_after(api, cursor, now, size)
        except ShopCallError as error:
            if error.code != BAD_ANSWER or size == PAGE_SIZES[-1] or cursor.page:
                raise
    raise AssertionError("unreachable: the last size returns or raises")


def _fetch_after(api: ShopApi, cursor: Cursor, now: datetime, size: int) -> Page:
    listed = api.get_list("/orders", _params(cursor, cursor.after, size))
    orders, shop_at = listed.items, listed.shop_at
    if len(orders) < size:
        return Page(now, orders, _next_status(cursor, len(orders)), (cursor.after, now), shop_at)
    last = _date_of(api, orders[-1], cursor.by)
    if last - _ONE_SECOND > cursor.after:
        after = last - _ONE_SECOND
        return Page(now, orders, _advance(cursor, len(orders), after), (cursor.after, after), shop_at)
    pages = api.get_list("/orders", _second_params(cursor, size, 1)).pages
    return Page(now, orders, replace(_advance(cursor, len(orders), cursor.after), page=pages), shop_at=shop_at)


def _fetch_second(api: ShopApi, cursor: Cursor, now: datetime, size: int) -> Page:
    """A page of the orders of one second."""
    page = cursor.page or 1
    orders = api.get_list("/orders", _second_params(cursor, size, page)).items
    if page > 1:
        return Page(now, orders, replace(_advance(cursor, len(orders), cursor.after), page=page - 1))
    return Page(now, orders, _advance(cursor, len(orders), cursor.after + _ONE_SECOND))


def _advance(cursor: Cursor, count: int, after: datetime) -> Cursor:
    return replace(cursor, after=after, page=None, orders=cursor.orders + count)


def _next_status(cursor: Cursor, count: int) -> Cursor | None:
    """The walk over the next status; None after the last one."""
    left = cursor.statuses[1:]
    return replace(_advance(cursor, count, cursor.start), statuses=left) if left else None


def _params(cursor: Cursor, after: datetime, size: int) -> dict[str, str]:
    return {
        "status": cursor.statuses[0],
        "orderby": cursor.by,
        "order": "asc",
        "per_page": str(size),
        "dates_are_gmt": "true",
        _PARAMETERS[cursor.by][0]: _time_text(after),
        "_fields": FIELDS,
    }


def _second_params(cursor: Cursor, size: int, page: int) -> dict[str, str]:
    before = cursor.after + 2 * _ONE_SECOND
    return _params(cursor, cursor.after, size) | {
        _PARAMETERS[cursor.by][1]: _time_text(before),
        "orderby": "id",
        "page": str(page),
    }


def _time_text(time: datetime) -> str:
    """Without a zone: WooCommerce compares it as it is with the dates in GMT. It has whole seconds only."""
    return time.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()


def _date_of(api: ShopApi, order: dict[str, Any], by: str) -> datetime:
    value = order.get(_DATE_FIELDS[by])
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        raise ShopCallError(BAD_ANSWER, f"{api.host} lists an order without a date. Check its plugins.") from None

"""Reading a shop: orders that were delivered but are not certain, changes since the last reading, and once a night all
orders of the last 90 days.

No transaction is open during a call. The progress is stored after each page, so a reading that was interrupted goes on
where it stopped. The work of one call of `read_shop` is limited; the next tick continues.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from pointsync import clock, db
from pointsync.runtime import get_runtime
from pointsync.woocommerce import kept
from pointsync.woocommerce.reading import keys, progress, settle_answers, walk
from pointsync.woocommerce.reading.rest_api import MANY_MISSING, MISSING, ShopApi, ShopCallError
from pointsync.woocommerce.reading.walk import Cursor, Page

MAX_SECONDS = 30
"""Of one call of `read_shop`, before it lets the next tick continue."""
MAX_ORDERS_ASKED = 50
MANY_ORDERS = 20
"""If so many orders of a page are gone, and more than half of it, the shop's database may be the wrong one."""
MAX_REFUNDS_PAGES = 5

log = logging.getLogger(__name__)


class ReadingStopped(Exception):
    """The process stops, or another one reads this shop."""


@dataclass(slots=True)
class ReadResult:
    """What was read: orders, and how many of them changed points. `is_complete`: nothing is left to do now."""

    orders: int = 0
    changes: int = 0
    is_complete: bool = True


class ShopReader:
    """Reads one shop. `may_go_on` is asked before each call: whether this process still is the one that reads it."""

    def __init__(self, shop_id: int, api: ShopApi, may_go_on: Callable[[], bool]) -> None:
        self.shop_id = shop_id
        self.api = api
        self.result = ReadResult()
        self._may_go_on = may_go_on
        self._deadline = monotonic() + MAX_SECONDS

    def read(self) -> ReadResult:
        """Read what is due. Raises ShopCallError, ReadingStopped, TryLater."""
        self._read_delivered()
        for name in ("walk", "night_walk"):
            while (cursor := self._load(name)) is not None:
                if monotonic() > self._deadline:
                    self.result.is_complete = False
                    return self.result
                self._read_page(name, cursor)
                self._read_delivered()
        return self.result

    def _load(self, name: str) -> Cursor | None:
        """The walk that is under way or due."""
        return db.run_in_transaction(lambda session: progress.load_walk(session, self.shop_id, name, clock.now()))

    def _read_delivered(self) -> None:
        """Ask for the orders whose deliveries are not certain."""
        order_ids = db.run_in_transaction(kept.list_orders_to_read).get(self.shop_id, [])
        for order_id in order_ids[:MAX_ORDERS_ASKED]:
            self._read_order(order_id)

    def _read_page(self, name: str, cursor: Cursor) -> None:
        self._require()
        page = walk.fetch_page(self.api, cursor, clock.now())
        if name == "walk" and cursor.after == cursor.start and page.shop_at is not None:
            # What changes there from now on gets a later date on the shop's clock, which may be slow.
            following = page.next and replace(page.next, began_at=min(cursor.began_at, page.shop_at))
            page = replace(page, next=following)
        refunds = self._read_refunds(page.orders)
        reports = settle_answers.parse_all(page.orders, refunds, page.asked_at)
        counts = settle_answers.settle_all(self.shop_id, reports, page.asked_at)
        self.result.orders += counts.orders
        self.result.changes += counts.changes
        lost_ids = self._list_lost(cursor) if page.next is None and cursor.by == walk.CREATED else ()
        for order_id in [*counts.outdated, *self._list_vanished(cursor, page), *lost_ids]:
            self._read_order(order_id)
        following = page.next and replace(page.next, changes=cursor.changes + counts.changes)
        db.run_in_transaction(lambda session: progress.save_walk(session, self.shop_id, name, cursor, following))

    def _read_refunds(self, orders: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
        """By order, its refunds with their lines. An order that vanished meanwhile is left out."""
        found = {}
        for order in orders:
            order_id = order.get("id")
            if isinstance(order_id, int) and order.get("refunds"):
                refunds = self._fetch_refunds(order_id)
                if refunds is not None:
                    found[order_id] = refunds
        return found

    def _fetch_refunds(self, order_id: int) -> list[dict[str, Any]] | None:
        refunds: list[dict[str, Any]] = []
        for number in range(1, MAX_REFUNDS_PAGES + 1):
            self._require()
            params = {"per_page": "100", "page": str(number), "orderby": "id", "order": "asc"}
            try:
                part = self.api.get_list(f"/orders/{order_id}/refunds", params)
            except ShopCallError as error:
                if error.code == MISSING:
                    return None
                raise
            refunds += part.items
            if number >= part.pages:
                break
        return refunds

    def _list_vanished(self, cursor: Cursor, page: Page) -> Sequence[int]:
        """The orders that gave points here, and that the shop's list of all orders of their time does not have."""
        if cursor.by != walk.CREATED or page.covered is None:
            return ()
        listed = {order.get("id") for order in page.orders}
        after, until = page.covered
        counted = db.run_in_transaction(
            lambda session: settle_answers.list_counted_ids(session, self.shop_id, after, until)
        )
        vanished = [order_id for order_id in counted if order_id not in listed]
        if len(vanished) >= MANY_ORDERS and 2 * len(vanished) > len(counted) and not cursor.may_miss_many:
            text = f"{self.api.host} does not list {len(vanished)} of {len(counted)} orders that gave points. Restore "
            text += "them there, or press Read now if it is right that they are gone: their points are then taken back."
            raise ShopCallError(MANY_MISSING, text)
        return vanished

    def _list_lost(self, cursor: Cursor) -> Sequence[int]:
        """The orders whose rows were lost in a restore, and that no report has brought back: the shop may not have them
        any more.
        """
        start = cursor.start
        return db.run_in_transaction(lambda session: settle_answers.list_without_row(session, self.shop_id, start))

    def _read_order(self, order_id: int) -> None:
        """Ask the shop for one order, again if a delivery arrives meanwhile."""
        for _ in range(3):
            self._require()
            asked_at = clock.now()
            try:
                order = self.api.get(f"/orders/{order_id}", {"_fields": walk.FIELDS})
            except ShopCallError as error:
                if error.code != MISSING:
                    raise
                reports = [settle_answers.missing(order_id, asked_at)]
            else:
                reports = settle_answers.parse_all([order], self._read_refunds([order]), asked_at)
            counts = settle_answers.settle_all(self.shop_id, reports, asked_at)
            self.result.orders += 1
            self.result.changes += counts.changes
            if not counts.outdated:
                self._forget_delivered(order_id, asked_at)
                return

    def _forget_delivered(self, order_id: int, asked_at: datetime) -> None:
        db.run_in_transaction(lambda session: settle_answers.forget_kept(session, self.shop_id, order_id, asked_at))

    def _require(self) -> None:
        if not self._may_go_on():
            raise ReadingStopped


def read_shop(shop_id: int, may_go_on: Callable[[], bool]) -> ReadResult:
    """Read what is due of a shop, and store how that went.

    Raises ShopCallError, which is stored too, and TryLater while lost movements come back.
    """
    state, started_at = get_runtime(), clock.now()
    row = db.run_in_transaction(lambda session: keys.find(session, shop_id))
    if row is None:
        return ReadResult()
    reader = ShopReader(shop_id, keys.build_api(state.vault, state.shop_client, row), may_go_on)
    try:
        result = reader.read()
    except ShopCallError as error:
        failure = error
        if state.stop_requested.is_set():  # this site ended the call
            return replace(reader.result, is_complete=False)
        db.run_in_transaction(lambda session: progress.save_failure(session, shop_id, failure, clock.now()))
        log.warning("shop %s could not be read, %s: %s", shop_id, error.code, error.message)
        raise
    except ReadingStopped:
        return replace(reader.result, is_complete=False)
    db.run_in_transaction(lambda session: progress.save_success(session, shop_id, started_at))
    return result

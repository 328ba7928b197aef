"""Reading a shop: orders that were delivered but are not certain, changes since the last reading, and once a night all
orders of the last 90 days.

No transaction is open during a call. The progress is stored after each page, so a reading that was interrupted goes on
where it stopped. The work of one call of `read_shop` is limited; the next tick continues.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.errors import Conflict
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Hook, ShopKey, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise
from pointsync.woocommerce import kept
from pointsync.woocommerce.reading import keys, settle_answers, walk
from pointsync.woocommerce.reading.rest_api import MANY_MISSING, MISSING, ShopApi, ShopCallError
from pointsync.woocommerce.reading.walk import Cursor, Page

NIGHT_HOUR = 2
"""At this hour of the site's day, or later if it did not run then, the last 90 days are read."""
MAX_SECONDS = 30
"""Of one call of `read_shop`, before it lets the next tick continue."""
MAX_ORDERS_ASKED = 50
MANY_ORDERS = 20
"""If so many orders of a page are gone, and more than half of it, the shop's database may be the wrong one."""
MAX_REFUNDS_PAGES = 5
FIRST_RETRY_SECONDS = 30
MAX_RETRY_SECONDS = 3600
MAX_DOUBLINGS = 7

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
        return db.run_in_transaction(lambda session: _load_walk(session, self.shop_id, name, clock.now()))

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
        db.run_in_transaction(lambda session: _save_walk(session, self.shop_id, name, cursor, following))

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


def lease_name(shop_id: int) -> str:
    """The name of the lease with which one process reads a shop."""
    return f"read shop {shop_id}"


def list_due(session: Session, now: datetime) -> list[int]:
    """The shops to be called now: those whose orders a hook counts.

    None while sending is stopped or lost movements come back: this may be an earlier state of the site, whose orders
    would be counted again.
    """
    if fetch_back.is_running(session) or session.scalar(select(Site.hold)) is not None:
        return []
    is_counted = exists().where(Hook.shop_id == ShopKey.shop_id, Hook.rule == "orders", Hook.removed_at.is_(None))
    far_ahead = now + timedelta(days=2)  # the clock was set back since
    due = select(ShopKey.shop_id).where(
        is_counted,
        or_(
            ShopKey.next_at <= now,
            ShopKey.next_at > far_ahead,
            and_(ShopKey.night_walk.is_not(None), ShopKey.failing_since.is_(None)),
        ),
    )
    delivered = kept.list_orders_to_read(session)
    answering = session.scalars(select(ShopKey.shop_id).where(ShopKey.failing_since.is_(None)))
    return sorted({*session.scalars(due), *(shop_id for shop_id in answering if shop_id in delivered)})


def refuse_if_stopped(session: Session) -> None:
    """Raise TryLater or Conflict in the times in which `list_due` lists none."""
    fetch_back.refuse_if_running(session)
    if session.scalar(select(Site.hold)) is not None:
        raise Conflict("sending_stopped", "No shop is read until an admin has said what this database is.")


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
        db.run_in_transaction(lambda session: _save_failure(session, shop_id, failure, clock.now()))
        log.warning("shop %s could not be read, %s: %s", shop_id, error.code, error.message)
        raise
    except ReadingStopped:
        return replace(reader.result, is_complete=False)
    db.run_in_transaction(lambda session: _save_success(session, shop_id, started_at))
    return result


def read_soon(session: Session, shop_id: int, now: datetime, *, everything: bool = False) -> None:
    """Let a shop be read at once; with `everything`, also the last 90 days."""
    row = session.get_one(ShopKey, shop_id, with_for_update=True)
    row.next_at = now
    row.read_until = min(row.read_until, now)
    if everything:
        row.night_walk, row.night_done_at = None, None
        row.walk = row.walk or _begin_changes(row, now).to_text()
        # After the warning, pressing the button once more says that it is right.
        row.night_walk = replace(_begin_night(now), may_miss_many=row.code == MANY_MISSING).to_text()
    else:
        row.walk = row.walk or _begin_changes(row, now).to_text()
    session.flush()


def _load_walk(session: Session, shop_id: int, name: str, now: datetime) -> Cursor | None:
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return None
    if stored := getattr(row, name):
        return Cursor.from_text(stored)
    if name == "walk":
        is_due = row.next_at <= now
        cursor = _begin_changes(row, now)
    else:
        restored_at = session.scalar(select(Site.restored_at))
        is_due = _is_night_due(row, restored_at, general.get_time_zone(session), now)
        cursor = _begin_night(now)
    if not is_due:
        return None
    setattr(row, name, cursor.to_text())
    session.flush()
    return cursor


def _begin_changes(row: ShopKey, now: datetime) -> Cursor:
    start = min(row.read_until, now) - walk.OVERLAP
    return Cursor.begin(walk.CHANGED, (walk.ANY, walk.TRASH), start, now)


def _begin_night(now: datetime) -> Cursor:
    return Cursor.begin(walk.CREATED, (walk.ANY,), now - keys.READ_PERIOD, now)


def _is_night_due(row: ShopKey, restored_at: datetime | None, zone: Any, now: datetime) -> bool:
    """Whether the last 90 days are due: it is night, or this site was restored since they were read."""
    local = now.astimezone(zone)
    night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    done_at = row.night_done_at or row.created_at
    if (
        restored_at is not None
        and restored_at <= now
        and (row.night_done_at is None or row.night_done_at < restored_at)
    ):
        return True
    return night <= local and not night <= done_at.astimezone(zone) <= local


def _save_walk(session: Session, shop_id: int, name: str, done: Cursor, following: Cursor | None) -> None:
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is None or getattr(row, name) != done.to_text():
        return  # the key was removed, or an admin has begun another walk
    setattr(row, name, following.to_text() if following else None)
    if following is None and name == "walk":
        row.read_until = done.began_at
        minutes = settings.read(session).shop_read_minutes
        row.next_at = clock.now() + timedelta(minutes=minutes)
    elif following is None:
        row.night_done_at = done.began_at
    session.flush()


def _save_success(session: Session, shop_id: int, now: datetime) -> None:
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is not None:
        row.failures, row.failing_since, row.code, row.message = 0, None, None, None
        row.last_success_at = now
        session.flush()


def _save_failure(session: Session, shop_id: int, error: ShopCallError, now: datetime) -> None:
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return
    row.failures += 1
    row.failing_since = row.failing_since if row.failing_since and row.failing_since <= now else now
    row.code, row.message = error.code, sanitise(error.message, MAX_MESSAGE_LENGTH)
    seconds = min(FIRST_RETRY_SECONDS * 2 ** min(row.failures - 1, MAX_DOUBLINGS), MAX_RETRY_SECONDS)
    row.next_at = now + timedelta(seconds=max(seconds, error.retry_after_seconds))
    session.flush()

"""How far the reading of each shop has come, and when it goes on: after a pause, at night, after a failure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.errors import Conflict
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Hook, ShopKey, Site
from pointsync.sync.site import general, settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise
from pointsync.woocommerce import kept
from pointsync.woocommerce.reading import keys, walk
from pointsync.woocommerce.reading.rest_api import MANY_MISSING, ShopCallError
from pointsync.woocommerce.reading.walk import Cursor

UNKNOWN_PERIOD = timedelta(days=2)
"""So much is read again after a clock was set back. The night reads the rest."""
NIGHT_HOUR = 2
"""At this hour of the site's day, or later if it did not run then, the last 90 days are read."""
FIRST_RETRY_SECONDS = 30
MAX_RETRY_SECONDS = 3600
MAX_DOUBLINGS = 7


def lease_name(shop_id: int) -> str:
    """The name of the lease with which one process reads a shop."""
    return f"read shop {shop_id}"


def list_due(session: Session, now: datetime) -> list[int]:
    """The shops to be called now: those whose orders a hook counts.

    None while sending is stopped or lost movements come back: this may be an earlier state of the site, whose orders
    would be counted again.
    """
    if fetch_back.must_orders_wait(session):
        return []
    is_counted = exists().where(Hook.shop_id == ShopKey.shop_id, Hook.rule == "orders", Hook.removed_at.is_(None))
    longest_wait, longest_pause = _longest_waits(session)
    due = select(ShopKey.shop_id).where(
        is_counted,
        or_(
            ShopKey.next_at <= now,
            # Such a wait was planned with a clock that was ahead.
            ShopKey.next_at > now + longest_wait,
            and_(ShopKey.failures == 0, ShopKey.next_at > now + longest_pause),
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


def load_walk(session: Session, shop_id: int, name: str, now: datetime) -> Cursor | None:
    """The walk `name` of a shop that is under way or due; None if there is none, or no key any more."""
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return None
    if stored := getattr(row, name):
        return Cursor.from_text(stored)
    if name == "walk":
        longest_wait, longest_pause = _longest_waits(session)
        is_due = not now < row.next_at <= now + (longest_wait if row.failures else longest_pause)
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


def _longest_waits(session: Session) -> tuple[timedelta, timedelta]:
    """How long a shop is left alone at most, in any case and while it answers."""
    pause = timedelta(minutes=settings.read(session).shop_read_minutes) + clock.MAX_LEAD
    return max(pause, timedelta(seconds=MAX_RETRY_SECONDS) + clock.MAX_LEAD), pause


def _begin_changes(row: ShopKey, now: datetime) -> Cursor:
    # Times from a clock that was ahead do not say until when the shop was read.
    known_until = row.read_until if row.read_until <= now + clock.MAX_LEAD else now - UNKNOWN_PERIOD
    start = known_until - walk.OVERLAP
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


def save_walk(session: Session, shop_id: int, name: str, done: Cursor, following: Cursor | None) -> None:
    """Save how far a walk has come since `done`; `following` is None at its end."""
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


def save_success(session: Session, shop_id: int, now: datetime) -> None:
    """Save that a shop was read, in a reading that began at `now`."""
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is not None:
        row.failures, row.failing_since, row.code, row.message = 0, None, None, None
        row.last_success_at = now
        session.flush()


def save_failure(session: Session, shop_id: int, error: ShopCallError, now: datetime) -> None:
    """Save why a shop could not be read, and call it again after a pause that doubles."""
    row = session.get(ShopKey, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return
    row.failures += 1
    row.failing_since = row.failing_since if row.failing_since and row.failing_since <= now else now
    row.code, row.message = error.code, sanitise(error.message, MAX_MESSAGE_LENGTH)
    seconds = min(FIRST_RETRY_SECONDS * 2 ** min(row.failures - 1, MAX_DOUBLINGS), MAX_RETRY_SECONDS)
    row.next_at = now + timedelta(seconds=max(seconds, error.retry_after_seconds))
    session.flush()

"""The jobs about shops: their orders are read, and the times in which this site did not run are noted."""

import logging
from contextlib import suppress
from functools import partial

from pointsync import clock, db
from pointsync.errors import TryLater
from pointsync.runtime import get_runtime
from pointsync.schedule.ticks import take_lease
from pointsync.schedule.turns import take_turns
from pointsync.woocommerce import outages
from pointsync.woocommerce.reading import progress, reader
from pointsync.woocommerce.reading.rest_api import ShopCallError

log = logging.getLogger(__name__)


def read_shops() -> None:
    """Read the orders of the shops that are due, each in a thread of its own: a slow one delays no other."""
    due_ids = progress.list_due(db.session(), clock.now())
    db.session.remove()  # no transaction stays open while the threads are waited for
    if due_ids:
        take_turns("read", due_ids, _read_one)


def note_alive() -> None:
    """Note that this site runs, and an outage that has ended."""
    db.run_in_transaction(lambda session: outages.note_alive(session, clock.now()))


def _read_one(shop_id: int) -> None:
    may_go_on = partial(_may_go_on, progress.lease_name(shop_id))
    if not may_go_on():
        return
    try:
        with suppress(ShopCallError):  # it is stored and logged, and the shop is called again later
            reader.read_shop(shop_id, may_go_on)
    except TryLater:
        log.info("shop %s is read when lost movements are back", shop_id)
    get_runtime().wake_couriers()


def _may_go_on(lease: str) -> bool:
    return not get_runtime().stop_requested.is_set() and take_lease(lease)

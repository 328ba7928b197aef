"""The jobs that follow from what shops have reported."""

from functools import partial

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.ledger.orders import move_orders
from pointsync.runtime import get_runtime
from pointsync.schedule.ticks import take_lease
from pointsync.woocommerce import account_orders

LEASE = "account_orders"


def move_orders_of_accounts() -> None:
    """Move the orders of customers' accounts whose address is new or has changed, part by part."""
    if move_orders.find_next(db.session()) is None or not take_lease(LEASE):
        return
    while run_in_transaction(partial(account_orders.move_next, now=clock.now())):
        get_runtime().wake_couriers()
        if get_runtime().stop_requested.is_set() or not take_lease(LEASE):
            return

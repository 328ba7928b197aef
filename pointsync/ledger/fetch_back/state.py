"""Whether this site fetches its lost movements back. Until that ends, its balances are incomplete.

Meanwhile nothing is sent to other sites, nothing expires, no level is unlocked and no mail is sent.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from pointsync.errors import TryLater
from pointsync.ledger import mail_queue
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import Delivery, DeliveryState, Level, Remote, RemoteFetch, ReturnedMovement, Site

RETRY_AFTER_SECONDS = 30
SPENDING_KINDS = frozenset({"spend", "redeem"})
REPEATED_SOURCES = ("api:", "command", "import", "shop:")
"""How the sources begin whose refs may be repeated after a refusal. The shop's plugin never repeats a delivery to a
hook: such a movement is recorded, and taken back if it comes back as well. Deliveries of orders are kept meanwhile."""

_MESSAGE = (
    "This site was restored, and it fetches its lost movements back from the other sites. Until then it cannot set or "
    f"spend points, nor record a new ref. Send the same again in {RETRY_AFTER_SECONDS} seconds."
)
_STOPPED_MESSAGE = (
    "This site may have been restored, and an admin has not said yet what its database is. Until then it counts no "
    f"orders. Send the same again in {RETRY_AFTER_SECONDS} seconds."
)
_DROPPED_MAIL = "Dropped: the database was restored, and the mail may have been sent before."


def begin(session: Session, now: datetime, *, is_open: bool = False) -> None:
    """Start to fetch this site's movements back from all its remotes.

    With `is_open`, remotes can be added meanwhile, and it ends only after an admin said that all are listed.
    """
    site = Site.get_for_update(session)
    site.is_fetching_back, site.has_open_fetch, site.restored_at = True, is_open, now
    session.execute(delete(ReturnedMovement))
    session.execute(delete(RemoteFetch))
    # A WooRewards shop may have received, since the backup, what waits for it. Then it answers that it is a duplicate.
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id.in_(select(Remote.id).where(Remote.is_woorewards)),
            Delivery.state == DeliveryState.PENDING,
            Delivery.called_at.is_(None),
        )
        .values(called_at=now)
    )
    mail_queue.drop_waiting(session, _DROPPED_MAIL)
    session.flush()


def finish(session: Session) -> None:
    """End it: everything continues. Levels are checked again for all customers, without mails."""
    site = Site.get_for_update(session)
    site.is_fetching_back = site.has_open_fetch = False
    for level in session.scalars(select(Level).where(Level.is_active)):
        level.next_customer_id = 1
    session.flush()


def is_running(session: Session) -> bool:
    """Whether it has begun and not ended."""
    return bool(session.scalar(select(Site.is_fetching_back)))


def running_condition() -> ColumnElement[bool]:
    """`is_running` for queries."""
    return exists().where(Site.is_fetching_back)


def must_wait(row: MovementRow, *, has_happened: bool) -> bool:
    """Whether a new movement needs complete balances, or may be the repeat of a lost one."""
    if row.set_to is not None or (row.kind in SPENDING_KINDS and not has_happened):
        return True
    return row.source is not None and row.source.startswith(REPEATED_SOURCES)


def refuse_if_running(session: Session) -> None:
    """Raise TryLater if it is running."""
    if is_running(session):
        raise refusal()


def must_orders_wait(session: Session) -> bool:
    """Whether orders cannot be counted now: it is running, or no admin has said yet what this database is.

    In an earlier state of this site, an order that was lost would count again, under a ref that a lost movement has.
    """
    return any(session.execute(select(Site.is_fetching_back, Site.hold.is_not(None))).one())


def refuse_orders(session: Session) -> None:
    """Raise TryLater if orders cannot be counted now."""
    refuse_if_running(session)
    if must_orders_wait(session):
        raise TryLater("sending_stopped", _STOPPED_MESSAGE, RETRY_AFTER_SECONDS)


def refusal() -> TryLater:
    """The error for what must wait until it ends."""
    return TryLater("fetching_back", _MESSAGE, RETRY_AFTER_SECONDS)

"""Times in which this site did not run. WooCommerce does not deliver again, so orders of that time may be missing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pointsync.clock import MAX_LEAD
from pointsync.models import Hook, LastAlive, Outage, ShopKey

MIN_OUTAGE = timedelta(minutes=5)
"""A shorter one is a restart: WooCommerce's queue of deliveries usually takes longer to send them."""
SAVE_AFTER = timedelta(seconds=15)
KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class UnreadOutage:
    """An outage whose orders may be missing, and the hooks whose shops cannot be read."""

    outage: Outage
    hooks: list[Hook]


def note_alive(session: Session, now: datetime) -> None:
    """Note that this site runs, and the outage that ends with it. Called often; writes a few times a minute."""
    row = session.get(LastAlive, 1, with_for_update=True)
    if row is None:
        session.add(LastAlive(id=1, at=now))
    elif row.at > now + MAX_LEAD:
        row.at = now  # the clock was set back
    elif now - row.at >= SAVE_AFTER:
        if now - row.at >= MIN_OUTAGE:
            session.add(Outage(began_at=row.at, ended_at=now))
            session.execute(delete(Outage).where(Outage.ended_at < now - KEPT))
        row.at = now
    session.flush()


def list_unread(session: Session) -> list[UnreadOutage]:
    """The outages in which orders may have been lost: some hook's shop has no key. The latest one first."""
    query = select(Outage).where(Outage.dismissed_at.is_(None)).order_by(Outage.ended_at.desc())
    outages = session.scalars(query).all()
    if not outages:
        return []
    unread = (
        select(Hook)
        .outerjoin(ShopKey, ShopKey.shop_id == Hook.shop_id)
        .where(Hook.rule == "orders", Hook.removed_at.is_(None), ShopKey.shop_id.is_(None))
        .order_by(Hook.name)
    )
    hooks = session.scalars(unread).all()
    found = [UnreadOutage(each, [hook for hook in hooks if hook.created_at < each.ended_at]) for each in outages]
    return [each for each in found if each.hooks]


def dismiss(session: Session, now: datetime) -> int:
    """Note that an admin says that nothing is missing from the outages so far. Return how many there were."""
    query = update(Outage).where(Outage.dismissed_at.is_(None)).values(dismissed_at=now).returning(Outage.id)
    return len(session.scalars(query).all())

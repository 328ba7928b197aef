"""Claiming: the next changes of people for a remote's site, before any of its movements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import msgspec
from sqlalchemy import ColumnElement, Row, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.db import UtcDateTime
from pointsync.ledger.people import stored
from pointsync.ledger.people.erasure.erasure_details import load_details
from pointsync.models import ChangeDelivery, CustomerChange, DeliveryState, Remote
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.changes import WireChange, to_wire
from pointsync.sync.protocol.request import Target
from pointsync.sync.remotes.backoff import TimeOrParameter
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import runs

MAX_CHANGES = 500
"""In one call: they fit into a request, however long the addresses are in nearly all scripts."""
RETRY_DELAY = timedelta(minutes=1)
"""The wait of changes that failed on their own. Movements are sent meanwhile."""


@dataclass(frozen=True, slots=True)
class ChangeItem:
    """A delivery with its change."""

    delivery_id: int
    change_seq: int
    change: WireChange


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes claimed for one call."""

    remote_id: int
    target: Target
    items: tuple[ChangeItem, ...]


def is_due(now: TimeOrParameter, latest: TimeOrParameter) -> ColumnElement[bool]:
    """For queries: a delivery waits to be sent, and not for a time. `latest` is `RETRY_DELAY` after now: a longer wait
    was stored before the clock was set back."""
    not_before = ChangeDelivery.not_before
    is_over = or_(not_before.is_(None), not_before <= now, not_before > latest)
    return (ChangeDelivery.state == DeliveryState.PENDING) & is_over


def has_due_changes(session: Session, remote: Remote, now: datetime) -> bool:
    """Whether changes are to be sent before any more movements."""
    return remote.takes_changes and bool(_next_rows(session, remote.auth, now))


def claim_changes(session: Session, remote: Remote, vault: Vault, now: datetime) -> ChangeBatch | None:
    """Claim the next changes for a leased remote, in the order of their ids; None if there is nothing to send."""
    if not remote.takes_changes:
        return None
    rows = _next_rows(session, remote.auth, now)
    if not rows:
        return None
    session.flush()  # the lease
    runs.count_call(session)
    items = [_to_item(session, row) for row in rows]
    # Erasures of people with many addresses are long.
    fitting_count = len(wire.take_fitting(msgspec.json.encode(each.change) for each in items))
    return ChangeBatch(remote.id, load_target(session, remote, vault), tuple(items[:fitting_count]))


def _to_item(session: Session, row: Row[int, CustomerChange]) -> ChangeItem:
    delivery_id, change_row = row
    change = stored.to_change(change_row)
    details = load_details(session, change, with_addresses=True)
    return ChangeItem(delivery_id, change_row.seq, to_wire(change, change_row.digest, details))


def _next_rows(session: Session, auth: str, now: datetime) -> Sequence[Row[int, CustomerChange]]:
    return session.execute(_select_next(), {"auth": auth, "now": now, "latest": now + RETRY_DELAY}).all()


@cache
def _select_next() -> Select[int, CustomerChange]:
    """Built once, because every claim executes it."""
    now, latest = (bindparam(name, type_=UtcDateTime) for name in ("now", "latest"))
    return (
        select(ChangeDelivery.id, CustomerChange)
        .join(CustomerChange, CustomerChange.seq == ChangeDelivery.change_seq)
        .where(ChangeDelivery.auth == bindparam("auth"), is_due(now, latest))
        .order_by(func.length(CustomerChange.id), CustomerChange.id)
        .limit(MAX_CHANGES)
    )

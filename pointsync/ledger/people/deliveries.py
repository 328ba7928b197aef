"""The deliveries of this site's changes of people: one for each other site."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, exists, insert, literal, select, update
from sqlalchemy.orm import Session

from pointsync.db.commit_signal import notify_at_commit
from pointsync.db.is_in import is_in
from pointsync.digests import DigestSum
from pointsync.models import ChangeDelivery, CustomerChange, DeliveryState, Remote, Site

# Built once, because each ping executes it.
_SELECT_DELIVERED = (
    select(CustomerChange.digest)
    .join(ChangeDelivery, ChangeDelivery.change_seq == CustomerChange.seq)
    .where(ChangeDelivery.auth == bindparam("auth"), ChangeDelivery.state == DeliveryState.DELIVERED)
)


def enqueue(session: Session, *, auth: str | None = None, seq: int | None = None) -> None:
    """Send each site on the list all of this site's changes for which there is no delivery to it yet; with `auth`, only
    that site, and with `seq`, only that change. The site's row is locked, so that none is left out."""
    known = exists().where(ChangeDelivery.change_seq == CustomerChange.seq, ChangeDelivery.auth == Remote.auth)
    query = (
        select(CustomerChange.seq, Remote.auth, literal(DeliveryState.PENDING.value), literal(0))
        .join(Site, Site.auth == CustomerChange.origin)
        .join(Remote, Remote.auth != CustomerChange.origin)
        .where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None), ~known)
        .distinct()
        .order_by(CustomerChange.seq, Remote.auth)
    )
    if auth is not None:
        query = query.where(Remote.auth == auth)
    if seq is not None:
        query = query.where(CustomerChange.seq == seq)
    session.flush()
    session.execute(insert(ChangeDelivery).from_select(["change_seq", "auth", "state", "attempts"], query))
    notify_at_commit(session)


def mark_delivered(
    session: Session, auth: str, seqs: Sequence[int], now: datetime, *, is_attempt: bool = False
) -> None:
    """The site has acknowledged these changes, or returned them. `is_attempt`: in the answer to a call with them."""
    delivered = {"state": DeliveryState.DELIVERED, "delivered_at": now, "code": None, "message": None}
    attempts = {"attempts": ChangeDelivery.attempts + 1} if is_attempt else {}
    _update(session, auth, seqs, ChangeDelivery.open_condition(), **delivered, **attempts, not_before=None)


def send_again(session: Session, auth: str, seqs: Sequence[int]) -> None:
    """The site does not hold these changes, although it had acknowledged them."""
    again = {"state": DeliveryState.PENDING, "delivered_at": None, "not_before": None, "attempts": 0}
    _update(session, auth, seqs, ChangeDelivery.state == DeliveryState.DELIVERED, **again)
    notify_at_commit(session)


def retry(session: Session, auth: str) -> None:
    """Send the site now what it has not acknowledged, also what it has refused."""
    session.execute(
        update(ChangeDelivery)
        .where(ChangeDelivery.auth == auth, ChangeDelivery.open_condition())
        .values(state=DeliveryState.PENDING, not_before=None, attempts=0)
        .execution_options(synchronize_session=False)
    )


def sum_delivered(session: Session, auth: str) -> DigestSum:
    """The changes that the site has acknowledged: what it should hold of this one."""
    return DigestSum.of(session.connection().execute(_SELECT_DELIVERED, {"auth": auth}).scalars())


def _update(session: Session, auth: str, seqs: Sequence[int], condition: ColumnElement[bool], **values: object) -> None:
    session.execute(
        update(ChangeDelivery)
        .where(ChangeDelivery.auth == auth, is_in(ChangeDelivery.change_seq, seqs), condition)
        .values(**values)
        .execution_options(synchronize_session=False)
    )

"""What sites ask each other about erasures in a ping: what was done about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, String, bindparam, or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import UtcDateTime
from pointsync.models import ChangeDelivery, CustomerChange, DeliveryState, Erasure, ErasureReceipt, Remote

MAX_ASKED = 50
"""Erasures about which another site is asked in one ping."""
MAX_COUNTS = 20
MAX_ASK_DELAY = timedelta(hours=1)
DELAY_SHARE = 4
"""A site that has had an erasure for an hour, and is not done, is asked again after a quarter of an hour."""


def list_open(session: Session, auth: str, now: datetime) -> list[str]:
    """The ids of this site's erasures about which another site is asked now, the newest first: it has them, and is not
    clean yet. An admin there may take days to approve one, so it is asked less and less often."""
    parameters = {"auth": auth, "now": now, "latest": now + MAX_ASK_DELAY}
    return list(session.connection().execute(_select_open(), parameters).scalars())


@cache
def _select_open() -> Select[str]:
    """Built once, because each ping executes it."""
    auth = bindparam("auth", type_=String)
    now, latest = (bindparam(name, type_=UtcDateTime) for name in ("now", "latest"))
    is_open = or_(ErasureReceipt.id.is_(None), ErasureReceipt.cleaned_at.is_(None))
    is_due = or_(
        ErasureReceipt.ask_at.is_(None),
        ErasureReceipt.ask_at <= now,
        ErasureReceipt.ask_at > latest,  # the clock was set back
    )
    of_site = (ErasureReceipt.erasure_id == Erasure.id) & (ErasureReceipt.auth == auth)
    return (
        select(CustomerChange.id)
        .join(Erasure, (Erasure.origin == CustomerChange.origin) & (Erasure.change_id == CustomerChange.id))
        .join(ChangeDelivery, ChangeDelivery.change_seq == CustomerChange.seq)
        .join(ErasureReceipt, of_site, isouter=True)
        .where(ChangeDelivery.auth == auth, ChangeDelivery.state == DeliveryState.DELIVERED, is_open, is_due)
        .order_by(Erasure.id.desc())
        .limit(MAX_ASKED)
    )


def answer(session: Session, origin: str, change_ids: object) -> list[dict[str, Any]]:
    """What this site has done about erasures of `origin`, for an answer: `[{id, done_at, cleaned_at, counts}]`."""
    if not isinstance(change_ids, list):
        return []
    wanted = [each for each in change_ids[:MAX_ASKED] if isinstance(each, str)]
    query = select(Erasure).where(Erasure.origin == origin, Erasure.change_id.in_(wanted)).order_by(Erasure.id)
    return [
        {
            "id": each.change_id,
            "done_at": clock.to_text(each.carried_out_at) if each.carried_out_at else None,
            "cleaned_at": clock.to_text(each.cleaned_at) if each.cleaned_at else None,
            "counts": dict(each.counts),
        }
        for each in session.scalars(query)
    ]


def save_answers(
    session: Session, remote: Remote, asked: Sequence[str], answers: object, local_auth: str, now: datetime
) -> None:
    """Save what a remote's site has said about this site's erasures `asked`. What is malformed is left out."""
    if not asked:
        return
    by_id = {
        item["id"]: item
        for item in (answers if isinstance(answers, list) else [])
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    }
    query = select(Erasure).where(Erasure.origin == local_auth, Erasure.change_id.in_(asked))
    for erasure in session.scalars(query.order_by(Erasure.id)).all():
        receipt = get_or_create(session, erasure.id, remote.auth, remote.display_name)
        item = by_id.get(str(erasure.change_id), {})
        if (done_at := _parse(item.get("done_at"))) is not None:
            receipt.done_at, receipt.cleaned_at = done_at, _parse(item.get("cleaned_at"))
            receipt.counts = _numbers(item.get("counts"))
        waited = max(now - (erasure.effective_at or now), timedelta())
        receipt.ask_at = now + min(waited / DELAY_SHARE, MAX_ASK_DELAY)
    session.flush()


def get_or_create(session: Session, erasure_id: int, auth: str, name: str) -> ErasureReceipt:
    """What is known of another site's part of an erasure."""
    query = select(ErasureReceipt).where(ErasureReceipt.erasure_id == erasure_id, ErasureReceipt.auth == auth)
    receipt = session.scalar(query)
    if receipt is None:
        receipt = ErasureReceipt(erasure_id=erasure_id, auth=auth, name=name, is_told_by_hand=False, counts={})
        session.add(receipt)
        session.flush()
    return receipt


def _numbers(counts: object) -> dict[str, int]:
    if not isinstance(counts, Mapping):
        return {}
    items: Sequence[tuple[Any, Any]] = list(counts.items())[:MAX_COUNTS]
    return {
        name[:32]: number
        for name, number in items
        if isinstance(name, str) and isinstance(number, int) and not isinstance(number, bool)
    }


def _parse(text: object) -> datetime | None:
    try:
        return clock.from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None

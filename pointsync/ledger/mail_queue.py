"""Mails to customers, queued in the transaction that gives the reason for them, if this site sends mails."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import Level, LevelUnlock, Mail, Setting, Site
from pointsync.models.mail import DROPPED, LEVEL, REWARD, WAITING
from pointsync.models.movement import is_quiet

ENABLED_SETTING = "send_mails"
"""The setting that says whether this site of the family sends the mails."""
MAX_NEWS_AGE = timedelta(days=7)
"""No mails about older movements: they arrived late from another site."""
REDEEM_KIND, REDEEMED_PREFIX = "redeem", "Redeemed: "
"""The kind of a redemption, and how its reason begins on every site; the reward's title follows."""
UNNAMED_REWARD = "a reward"


def is_enabled(session: Session) -> bool:
    """Whether this site sends mails."""
    return Setting.read(session, ENABLED_SETTING) == "1"


def enqueue_redemption_mails(session: Session, rows: Sequence[MovementRow]) -> None:
    """Queue a mail for each new movement that redeemed a reward, here or on another site."""
    redemptions = [row for row in rows if row.kind == REDEEM_KIND and row.points < 0 and _is_recent(row)]
    if redemptions and is_enabled(session):
        first_at = _first_news_at(session)
        enqueue(session, [_redemption_mail(row) for row in redemptions if first_at is None or row.at >= first_at])


def enqueue_unlock_mails(
    session: Session, reached: Mapping[tuple[int, int], MovementRow], seqs: Mapping[str, int]
) -> None:
    """Queue a mail for each level that was just unlocked.

    `reached` maps (customer id, level id) to the movement, and `seqs` maps the movements' ids to their `seq`.
    There is no mail if the customer had unlocked the level before.
    """
    recent = {key: row for key, row in reached.items() if _is_recent(row)}
    if not recent or not is_enabled(session):
        return
    first_at = _first_news_at(session)
    mails = []
    for part in chunks(sorted({customer_id for customer_id, _ in recent})):
        query = (
            select(LevelUnlock.customer_id, LevelUnlock.movement_seq, Level.id, Level.title, Level.points)
            .join(Level, Level.id == LevelUnlock.level_id)
            .where(LevelUnlock.customer_id.in_(part))
            .order_by(LevelUnlock.customer_id, Level.points, Level.id)
        )
        for customer_id, seq, level_id, title, points in session.execute(query):
            row = recent.get((customer_id, level_id))
            if row is not None and seqs[row.id] == seq and (first_at is None or row.at >= first_at):
                facts = {"points": points, "balance": row.balance, "level": title}
                mails.append(_movement_mail(LEVEL, f"{level_id}:{customer_id}", row, facts))
    enqueue(session, mails)


def build_mail(
    kind: str,
    cause: str,
    facts: dict[str, Any],
    customer_id: int | None,
    reserve_id: int | None,
    at: datetime,
    queued_at: datetime,
) -> dict[str, Any]:
    """A row of the mail table. `cause` is unique per kind; `facts` are what the text of the mail uses."""
    return {
        "kind": kind,
        "cause": f"{kind}:{cause}",
        "customer_id": customer_id,
        "reserve_id": reserve_id,
        "facts": facts,
        "at": at,
        "state": WAITING,
        "attempts": 0,
        "queued_at": queued_at,
        "next_at": queued_at,
    }


def enqueue(session: Session, mails: Sequence[dict[str, Any]]) -> None:
    """Queue mails; those whose cause already has a mail are ignored."""
    insert_or_ignore(session, Mail, mails)


def disable(session: Session, reason: str) -> None:
    """Stop sending mails; queued mails are kept as dropped, and are not sent if mails are enabled again."""
    Setting.write(session, ENABLED_SETTING, "0")
    drop_waiting(session, reason)


def drop_waiting(session: Session, reason: str) -> None:
    """Drop the queued mails, except test mails."""
    session.execute(
        update(Mail).where(Mail.state == WAITING, Mail.address.is_(None)).values(state=DROPPED, message=reason)
    )
    session.flush()


def _first_news_at(session: Session) -> datetime | None:
    """No mails about movements from before a restore: they may have been sent before it."""
    return session.scalar(select(Site.restored_at))


def _redemption_mail(row: MovementRow) -> dict[str, Any]:
    title = row.reason.removeprefix(REDEEMED_PREFIX).strip() or UNNAMED_REWARD
    facts = {"points": -row.points, "balance": row.balance, "reward": title}
    return _movement_mail(REWARD, f"{row.origin}:{row.id}", row, facts)


def _movement_mail(kind: str, cause: str, row: MovementRow, facts: dict[str, Any]) -> dict[str, Any]:
    return build_mail(kind, cause, facts, row.customer_id, row.reserve_id, row.at, row.recorded_at)


def _is_recent(row: MovementRow) -> bool:
    return not is_quiet(row.kind, row.source, row.is_history) and row.at > row.recorded_at - MAX_NEWS_AGE

"""Mails owed to customers: written in the transaction of what they tell, and only where this site sends mails."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.models import Level, LevelUnlock, Mail, Setting
from pointsync.models.mail import DROPPED, LEVEL, REWARD, WAITING
from pointsync.models.movement import is_quiet

ENABLED_SETTING = "send_mails"
"""The setting that says whether this site of the family sends them."""
MAX_NEWS_AGE = timedelta(days=7)
"""What happened longer ago is told to nobody: it came late from another site."""
REDEEM_KIND, REDEEMED_PREFIX = "redeem", "Redeemed: "
"""How every site begins the reason of a movement by which a reward is redeemed; the title follows."""
UNNAMED_REWARD = "a reward"

Row = Mapping[str, Any]


def is_enabled(session: Session) -> bool:
    """Whether mails go out from this site."""
    return session.scalar(select(Setting.value).where(Setting.name == ENABLED_SETTING)) == "1"


def enqueue_redemption_mails(session: Session, rows: Sequence[Row]) -> None:
    """Owe a mail for each of these movements, just stored, that has redeemed a reward; made here or elsewhere."""
    redemptions = [row for row in rows if row["kind"] == REDEEM_KIND and row["points"] < 0 and _is_recent(row)]
    if redemptions and is_enabled(session):
        titles = {
            row["id"]: row["reason"].removeprefix(REDEEMED_PREFIX).strip() or UNNAMED_REWARD for row in redemptions
        }
        enqueue(
            session,
            [
                make_row(
                    REWARD,
                    f"{row['origin']}:{row['id']}",
                    row,
                    {"points": -row["points"], "balance": row["balance"], "reward": titles[row["id"]]},
                )
                for row in redemptions
            ],
        )


def enqueue_unlock_mails(session: Session, reached: Mapping[tuple[int, int], Row], seqs: Mapping[str, int]) -> None:
    """Owe a mail for each unlock that was just written: `reached` maps customer and level to the movement, `seqs`
    tells the movements' own numbers. One that the customer had before is no news, however often it is reached."""
    recent = {key: row for key, row in reached.items() if _is_recent(row)}
    if not recent or not is_enabled(session):
        return
    customer_ids = sorted({customer_id for customer_id, _ in recent})
    mails = []
    for start in range(0, len(customer_ids), CHUNK_SIZE):
        query = (
            select(LevelUnlock.customer_id, LevelUnlock.movement_seq, Level.id, Level.title, Level.points)
            .join(Level, Level.id == LevelUnlock.level_id)
            .where(LevelUnlock.customer_id.in_(customer_ids[start : start + CHUNK_SIZE]))
            .order_by(LevelUnlock.customer_id, Level.points, Level.id)
        )
        for customer_id, seq, level_id, title, points in session.execute(query):
            row = recent.get((customer_id, level_id))
            if row is not None and seqs[row["id"]] == seq:
                facts = {"points": points, "balance": row["balance"], "level": title}
                mails.append(make_row(LEVEL, f"{level_id}:{customer_id}", row, facts))
    enqueue(session, mails)


def make_row(kind: str, cause: str, row: Row, facts: dict[str, Any]) -> dict[str, Any]:
    """A mail's row, about the movement or what else has a `customer_id`, `reserve_id`, `at` and `recorded_at`."""
    return {
        "kind": kind,
        "cause": f"{kind}:{cause}",
        "customer_id": row["customer_id"],
        "reserve_id": row["reserve_id"],
        "facts": facts,
        "at": row["at"],
        "state": WAITING,
        "attempts": 0,
        "queued_at": row["recorded_at"],
        "next_at": row["recorded_at"],
    }


def enqueue(session: Session, mails: Sequence[dict[str, Any]]) -> None:
    """Owe these mails; one whose cause has one already is passed over."""
    insert_or_ignore(session, Mail, mails)


def disable(session: Session, reason: str) -> None:
    """Send no mails from now on; what waits is dropped, for people to see, and not sent months from now."""
    session.merge(Setting(name=ENABLED_SETTING, value="0"))
    drop_waiting(session, reason)


def drop_waiting(session: Session, reason: str) -> None:
    """Drop what waits, tests left out."""
    session.execute(
        update(Mail).where(Mail.state == WAITING, Mail.address.is_(None)).values(state=DROPPED, message=reason)
    )
    session.flush()


def _is_recent(row: Row) -> bool:
    recorded_at: datetime = row["recorded_at"]
    return not is_quiet(row["kind"], row["source"], row["is_history"]) and row["at"] > recorded_at - MAX_NEWS_AGE

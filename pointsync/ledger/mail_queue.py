"""Mails owed to customers: written in the transaction of what they tell, and only where this site sends mails."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_missing
from pointsync.ledger.balances import CHUNK
from pointsync.models import Level, Mail, Setting, Unlock
from pointsync.models.mail import DROPPED, LEVEL, REWARD, WAITING
from pointsync.models.movement import is_quiet

SWITCH = "send_mails"
"""The setting that says whether this site of the family sends them."""
IS_NEWS = timedelta(days=7)
"""What happened longer ago is told to nobody: it came late from another site."""
REDEEM, REDEEMED = "redeem", "Redeemed: "
"""How every site begins the reason of a movement by which a reward is redeemed; the title follows."""
SOME_REWARD = "a reward"

Row = Mapping[str, Any]


def is_on(session: Session) -> bool:
    """Whether mails go out from this site."""
    return session.scalar(select(Setting.value).where(Setting.name == SWITCH)) == "1"


def tell_redeemed(session: Session, rows: Sequence[Row]) -> None:
    """Owe a mail for each of these movements, just stored, that has redeemed a reward; made here or elsewhere."""
    told = [row for row in rows if row["kind"] == REDEEM and row["points"] < 0 and _is_news(row)]
    if told and is_on(session):
        title = {row["id"]: row["reason"].removeprefix(REDEEMED).strip() or SOME_REWARD for row in told}
        queue(
            session,
            [
                owed(
                    REWARD,
                    f"{row['origin']}:{row['id']}",
                    row,
                    {"points": -row["points"], "balance": row["balance"], "reward": title[row["id"]]},
                )
                for row in told
            ],
        )


def tell_unlocked(session: Session, reached: Mapping[tuple[int, int], Row], seqs: Mapping[str, int]) -> None:
    """Owe a mail for each unlock that was just written: `reached` maps customer and level to the movement, `seqs`
    tells the movements' own numbers. One that the customer had before is no news, however often it is reached."""
    news = {pot: row for pot, row in reached.items() if _is_news(row)}
    if not news or not is_on(session):
        return
    customer_ids = sorted({customer_id for customer_id, _ in news})
    mails = []
    for start in range(0, len(customer_ids), CHUNK):
        query = (
            select(Unlock.customer_id, Unlock.movement_seq, Level.id, Level.title, Level.points)
            .join(Level, Level.id == Unlock.level_id)
            .where(Unlock.customer_id.in_(customer_ids[start : start + CHUNK]))
            .order_by(Unlock.customer_id, Level.points, Level.id)
        )
        for customer_id, seq, level_id, title, points in session.execute(query):
            row = news.get((customer_id, level_id))
            if row is not None and seqs[row["id"]] == seq:
                facts = {"points": points, "balance": row["balance"], "level": title}
                mails.append(owed(LEVEL, f"{level_id}:{customer_id}", row, facts))
    queue(session, mails)


def owed(kind: str, cause: str, row: Row, facts: dict[str, Any]) -> dict[str, Any]:
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


def queue(session: Session, mails: Sequence[dict[str, Any]]) -> None:
    """Owe these mails; one whose cause has one already is passed over."""
    insert_missing(session, Mail, mails)


def switch_off(session: Session, why: str) -> None:
    """Send no mails from now on; what waits is dropped, for people to see, and not sent months from now."""
    session.merge(Setting(name=SWITCH, value="0"))
    drop_waiting(session, why)


def drop_waiting(session: Session, why: str) -> None:
    """Drop what waits, tests left out."""
    session.execute(
        update(Mail).where(Mail.state == WAITING, Mail.address.is_(None)).values(state=DROPPED, message=why)
    )
    session.flush()


def _is_news(row: Row) -> bool:
    recorded_at: datetime = row["recorded_at"]
    return not is_quiet(row["kind"], row["source"], row["is_history"]) and row["at"] > recorded_at - IS_NEWS

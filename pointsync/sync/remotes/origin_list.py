"""The origins as commands list them."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.config import Config
from pointsync.ledger.reversals import reversals
from pointsync.models import Holding, Origin, Reversal
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import names

MOST = 200


def listing(session: Session, config: Config) -> list[dict[str, Any]]:
    """`[{auth, name, movements, first_seen_at, last_seen_at, blocked_at, blocked_reason, blocked_by, turned_away,
    reversal}]`, those that are blocked first, at most 200; and those that were only turned away."""
    shown, newest = names.read(session, config), reversals.newest(session)
    away = {each.auth: each.calls for each in blocked_origins.turned_away(session)}
    held = func.coalesce(func.sum(Holding.count), 0)
    rows = session.execute(
        select(Origin, held)
        .join(Holding, Holding.origin == Origin.auth, isouter=True)
        .group_by(Origin.auth)
        .order_by(Origin.blocked_at.is_(None), Origin.last_seen_at.desc().nulls_last(), Origin.auth)
        .limit(MOST)
    ).all()
    found = [
        {
            "auth": origin.auth,
            "name": shown.origin(origin.auth),
            "movements": int(count),
            "first_seen_at": clock.to_text(origin.first_seen_at),
            "last_seen_at": clock.to_text(origin.last_seen_at) if origin.last_seen_at else None,
            "blocked_at": clock.to_text(origin.blocked_at) if origin.blocked_at else None,
            "blocked_reason": origin.blocked_reason,
            "blocked_by": origin.blocked_by,
            "turned_away": away.pop(origin.auth, 0),
            "reversal": reversal_shape(newest[origin.auth]) if origin.auth in newest else None,
        }
        for origin, count in rows
    ]
    nothing = dict.fromkeys(("first_seen_at", "last_seen_at", "blocked_at", "blocked_reason", "blocked_by", "reversal"))
    return found + [
        {"auth": auth, "name": shown.origin(auth), "movements": 0} | nothing | {"turned_away": calls}
        for auth, calls in away.items()
    ]


def reversal_shape(reversal: Reversal) -> dict[str, Any]:
    """`{id, since, total, done, corrections, out_of_bounds, state}`; `state` is `running`, `stopped` or `finished`."""
    return {
        "id": reversal.id,
        "since": clock.to_text(reversal.since),
        "total": reversal.total,
        "done": reversal.done,
        "corrections": reversal.corrections,
        "out_of_bounds": reversal.out_of_bounds,
        "state": "finished" if reversal.finished_at else "stopped" if reversal.stopped_at else "running",
    }

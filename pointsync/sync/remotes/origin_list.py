"""The origins as commands list them."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.config import Config
from pointsync.ledger.reversals import reversals
from pointsync.models import Origin, ReceivedSummary, Reversal
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import names

MAX_ORIGINS = 200


def list_json(session: Session, config: Config) -> list[dict[str, Any]]:
    """`[{auth, name, movements, first_seen_at, last_seen_at, blocked_at, blocked_reason, blocked_by, turned_away,
    reversal}]`, those that are blocked first, at most 200; and those that were only turned away."""
    site_names, newest_reversals = names.read(session, config), reversals.latest_by_origin(session)
    refused_call_counts = {each.auth: each.calls for each in blocked_origins.list_refused(session)}
    held_count = func.coalesce(func.sum(ReceivedSummary.count), 0)
    rows = session.execute(
        select(Origin, held_count)
        .join(ReceivedSummary, ReceivedSummary.origin == Origin.auth, isouter=True)
        .group_by(Origin.auth)
        .order_by(Origin.blocked_at.is_(None), Origin.last_seen_at.desc().nulls_last(), Origin.auth)
        .limit(MAX_ORIGINS)
    ).all()
    rows_json = [
        {
            "auth": origin.auth,
            "name": site_names.for_origin(origin.auth),
            "movements": int(count),
            "first_seen_at": clock.to_text(origin.first_seen_at),
            "last_seen_at": clock.to_text(origin.last_seen_at) if origin.last_seen_at else None,
            "blocked_at": clock.to_text(origin.blocked_at) if origin.blocked_at else None,
            "blocked_reason": origin.blocked_reason,
            "blocked_by": origin.blocked_by,
            "turned_away": refused_call_counts.pop(origin.auth, 0),
            "reversal": reversal_to_json(newest_reversals[origin.auth]) if origin.auth in newest_reversals else None,
        }
        for origin, count in rows
    ]
    empty_fields = dict.fromkeys(
        ("first_seen_at", "last_seen_at", "blocked_at", "blocked_reason", "blocked_by", "reversal")
    )
    return rows_json + [
        {"auth": auth, "name": site_names.for_origin(auth), "movements": 0} | empty_fields | {"turned_away": calls}
        for auth, calls in refused_call_counts.items()
    ]


def reversal_to_json(reversal: Reversal) -> dict[str, Any]:
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

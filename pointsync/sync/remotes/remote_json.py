"""The JSON of a remote: what commands and the shop API answer, and what the API's description is built from.

The class names and the descriptions are published in `/api/v1/openapi.json`.
"""

from typing import Annotated, Literal, Self

from msgspec import Meta, Struct
from sqlalchemy.orm import Session

from pointsync import clock, models
from pointsync.ledger.movement_json import DateTimeString
from pointsync.models import DeliveryState, Origin
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.remotes import backfill, queue, shown_status
from pointsync.sync.remotes.backfill import BackfillProgress
from pointsync.sync.remotes.queue import RemoteRow
from pointsync.sync.site import settings


class Remote(Struct):
    """A remote site, and whether it is in step."""

    id: int
    name: Annotated[str | None, Meta(description="The name that the site reported.")]
    url: str
    target: Annotated[str, Meta(description="The reserve's key there.")]
    observed: Annotated[str, Meta(description="The reserve's key here.")]
    dialect: Annotated[
        Literal["pointsync", "woorewards"] | None, Meta(description="null until the site was reached once.")
    ]
    status: Literal["none", "green", "warning", "error"]
    status_text: Annotated[str, Meta(description="Why it has this status, and what to do.")]
    waiting: Annotated[int, Meta(description="How many movements are not delivered.")]
    unknown_customers: Annotated[int, Meta(description="How many of them are for customers unknown there.")]
    refused: Annotated[int, Meta(description="How many of them were refused and wait for an admin.")]
    waiting_changes: Annotated[
        int, Meta(description="How many changes of customers the site does not have. 0 if it does not take them.")
    ]
    paused: bool
    blocked: Annotated[bool, Meta(description="Whether an admin has blocked the site.")]
    last_success_at: DateTimeString | None
    last_error: str | None
    last_error_at: DateTimeString | None
    history: Annotated[BackfillProgress | None, Meta(description="null if earlier movements were never sent.")]

    @classmethod
    def from_row(cls, row: RemoteRow) -> Self:
        """The JSON of a row of the Remote sites list. No secret is in it."""
        remote = row.remote
        return cls(
            id=remote.id,
            name=remote.name,
            url=remote.url,
            target=remote.target,
            observed=remote.reserve.key,
            dialect=remote.dialect,  # type: ignore[arg-type]
            status=row.shown.status,  # type: ignore[arg-type]
            status_text=row.shown.text,
            waiting=row.undelivered_count,
            unknown_customers=row.waiting_by_state[DeliveryState.UNKNOWN],
            refused=row.waiting_by_state[DeliveryState.FAILED],
            waiting_changes=row.waiting_changes,
            paused=remote.paused_at is not None,
            blocked=row.is_blocked,
            last_success_at=clock.to_text(remote.last_success_at) if remote.last_success_at else None,
            last_error=remote.last_error,
            last_error_at=clock.to_text(remote.last_failure_at) if remote.last_failure_at else None,
            history=BackfillProgress.from_row(row.backfill) if row.backfill else None,
        )


def list_all(session: Session) -> list[Remote]:
    """All remotes on the list, oldest first."""
    rows = queue.list_rows(session, settings.read(session), clock.now())
    return [Remote.from_row(row) for row in rows]


def of(session: Session, remote: models.Remote) -> Remote:
    """The JSON of one remote."""
    return Remote.from_row(
        RemoteRow(
            remote,
            queue.waiting_counts(session, remote.id),
            None,
            backfill.get(session, remote.id),
            shown_status.load_one(session, remote, clock.now()),
            Origin.is_blocked(session, remote.auth),
            change_sums.count_waiting(session, remote.auth) if remote.takes_changes else 0,
        )
    )

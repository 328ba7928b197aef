"""*Send again* as a background task."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import run_in_transaction
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remotes
from pointsync.sync.repair import resend
from pointsync.sync.repair.resend import Selection
from pointsync.tasks import tasks
from pointsync.tasks.runner import TaskContext

KIND = "resend"


def enqueue(
    session: Session, data_dir: Path, remote_id: int, selection: Selection, number: int, asked_by: str, now: datetime
) -> Task:
    """Enqueue and log it; `number` movements are selected. Raises NotFound, and Conflict as `tasks.enqueue` does."""
    remote = remotes.get(session, remote_id)
    resend.log_request(session, remote_id, selection, number)
    return tasks.enqueue(
        session,
        data_dir,
        kind=KIND,
        title=f"Send again to {remote.display_name}",
        unit="movements",
        asked_by=asked_by,
        now=now,
        options={
            "remote_id": remote_id,
            "since": clock.to_text(selection.since) if selection.since else None,
            "email": selection.email,
        },
        total=number,
    )


def run(context: TaskContext) -> Iterator[None]:
    """Run the task: make the deliveries pending again, part by part."""
    since = context.options["since"]
    selection = Selection(clock.from_text(since) if since else None, context.options["email"])
    position = context.position or {"after": 0}
    while position["after"] is not None:

        def run_part(session: Session, after: int = position["after"]) -> int | None:
            number, next_id = resend.enqueue_next_chunk(session, context.options["remote_id"], after, selection)
            context.save_position(session, {"after": next_id}, done=context.done + number)
            return next_id

        position = {"after": run_in_transaction(run_part)}
        get_runtime().wake_couriers()
        yield

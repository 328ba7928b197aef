"""Remotes of each status, for the list of Remote sites."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from pointsync import clock, leases
from pointsync.ledger.record import Draft, record
from pointsync.models import Remote, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.sharing_key import RemoteInput

CREATED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKER_ID = "w" * 32
TEMPLATE = "/wp-json/woorewards/v1/points/sync/{email}/{pool}/{points}/{hash}"

STATUS_TEXTS = {
    "none": "Nothing was sent yet; the last check succeeded.",
    "green": "In step.",
    "warning": "shop-three.test did not answer within 10 seconds. 1 movement waiting.",
    "error": "shop-four.test refuses these credentials: paste its sharing key again. 1 movement waiting.",
}
STATUS_LABELS = {"none": "Nothing sent yet", "green": "In step", "warning": "Warning", "error": "Error"}


def add_remote_of_each_status(session: Session) -> list[Remote]:
    """Add a remote of each status; the texts of the last two name a waiting movement."""
    added = []
    for number, (status, text) in enumerate(STATUS_TEXTS.items(), start=1):
        remote = add_remote(session, f"https://shop-{number}.test/points", f"wrk_{number:016x}")
        remote.status, remote.status_text, remote.status_at = status, text, clock.now()
        remote.name = f"Shop {number}" if number != 1 else None
        if status != "none":
            remote.last_success_at = CREATED_AT
        if status in ("warning", "error"):
            remote.last_failure_at, remote.last_error = CREATED_AT, text.removesuffix(" 1 movement waiting.")
        added.append(remote)
    return added


def add_remote(session: Session, url: str, auth: str, observed: str = "default") -> Remote:
    """Add a remote; a worker runs that could send to it."""
    leases.record_heartbeat(session, WORKER_ID)
    remote_input = RemoteInput(url, auth, "wrs_0123456789abcdef", "default", observed, TEMPLATE)
    return remotes.add(session, get_runtime().vault, remote_input, CREATED_AT, with_backfill=False)


def record_waiting(session: Session, count: int) -> None:
    """Record that many movements; they wait for every remote."""
    record(session, [Draft(f"c{number}@shop.test", points=10) for number in range(count)], "test", CREATED_AT)


def add_reserve(session: Session, key: str) -> None:
    """Add a reserve."""
    session.add(Reserve(key=key, name=key, created_at=CREATED_AT))
    session.flush()

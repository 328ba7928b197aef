"""Remotes in each of the four states, as they stand in the list."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from pointsync.ledger.record import Draft, record
from pointsync.models import Remote, Reserve
from pointsync.runtime import runtime
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.sharing_key import Typed

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATE = "/wp-json/woorewards/v1/points/sync/{email}/{pool}/{points}/{hash}"

STATES = {
    "none": "Nothing was sent yet; the last check was fine.",
    "green": "In step.",
    "warning": "shop-three.test did not answer within 10 seconds. 1 movement waiting.",
    "error": "shop-four.test refuses these credentials: paste its sharing key again. 1 movement waiting.",
}
WORDS = {"none": "Nothing sent yet", "green": "In step", "warning": "Warning", "error": "Error"}


def add_four(session: Session) -> list[Remote]:
    """One remote in each state; a movement waits for the last two."""
    lines = []
    for number, (state, text) in enumerate(STATES.items(), start=1):
        line = add(session, f"https://shop-{number}.test/points", f"wrk_{number:016x}")
        line.status, line.status_text, line.status_at = state, text, MADE
        line.name = f"Shop {number}" if number != 1 else None
        if state != "none":
            line.last_success_at = MADE
        if state in ("warning", "error"):
            line.last_failure_at, line.last_error = MADE, text.removesuffix(" 1 movement waiting.")
        lines.append(line)
    return lines


def add(session: Session, url: str, auth: str, observed: str = "default") -> Remote:
    """One more line."""
    typed = Typed(url, auth, "wrs_0123456789abcdef", "default", observed, TEMPLATE)
    return remotes.add(session, runtime().vault, typed, MADE, with_history=False)


def let_wait(session: Session, count: int) -> None:
    """Record that many movements, which wait for every remote there is."""
    record(session, [Draft(f"c{number}@shop.test", points=10) for number in range(count)], "test", MADE)


def add_reserve(session: Session, key: str) -> None:
    """One more reserve."""
    session.add(Reserve(key=key, name=key, created_at=MADE))
    session.flush()

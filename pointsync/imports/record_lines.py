"""Record lines of a file, each line once, however many times the file is imported."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync.imports import duplicates
from pointsync.imports.drafts import ImportLine
from pointsync.ledger.record import Draft, record
from pointsync.models.movement import IMPORT_SOURCE

LINES_PER_TRANSACTION = 500
"""Few enough that the shop's own writes do not have to wait long."""


def record_lines(session: Session, lines: Sequence[ImportLine], now: datetime) -> int:
    """Record the new ones of `lines`, at most 1,000 without faults. Return how many were recorded.

    Lines with the ref of a recorded line are skipped here: the ledger would report a conflict if a line was recorded
    as an opening balance and is now imported as new points. Raises what `record` raises; then nothing is recorded.
    """
    drafts = [line.draft for line in lines if line.draft]
    recorded = duplicates.find_recorded(session, lines)
    new_drafts: dict[str | None, Draft] = {}
    for draft in drafts:
        if draft.ref not in recorded:
            new_drafts.setdefault(draft.ref, draft)
    if not new_drafts:
        return 0
    outcomes = record(session, list(new_drafts.values()), IMPORT_SOURCE, now)
    return sum(outcome.status == "recorded" for outcome in outcomes)

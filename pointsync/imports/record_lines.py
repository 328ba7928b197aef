"""CSV in: lines of a file recorded, some at a time, each line once however often the file is given."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync.imports import duplicates
from pointsync.imports.drafts import ImportLine
from pointsync.ledger.record import Draft, record
from pointsync.models.movement import IMPORT_SOURCE

LINES_PER_TRANSACTION = 500
"""Lines in one transaction: short enough that the shop does not wait."""


def record_lines(session: Session, lines: Sequence[ImportLine], now: datetime) -> int:
    """Record those of `lines`, at most 1,000 and none of them faulty, that are new; how many these are.

    A line that was recorded before with the same content is passed over, as whatever it was recorded: the ledger
    itself would call it a conflict where it was an opening balance and is now given as new points. Raises what
    `record` does; nothing of `lines` has been recorded then.
    """
    drafts = [line.draft for line in lines if line.draft]
    recorded = duplicates.find_recorded(session, drafts)
    new_drafts: dict[str | None, Draft] = {}
    for draft in drafts:
        if draft.ref not in recorded:
            new_drafts.setdefault(draft.ref, draft)
    if not new_drafts:
        return 0
    outcomes = record(session, list(new_drafts.values()), IMPORT_SOURCE, now)
    return sum(outcome.status == "recorded" for outcome in outcomes)

"""Lines that were recorded before: known by their refs, whichever file they came from and as what."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.ledger.record import Draft
from pointsync.models import Customer, Movement, Reserve
from pointsync.models.movement import IMPORT_SOURCE


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """What a ref stands for; the kind aside, a line of the same content is the same line."""

    customer: str
    reserve: str
    points: int
    kind: str

    def find_conflict(self, draft: Draft) -> str | None:
        """Why `draft` is not the same line; None where it is."""
        content = (self.customer, self.reserve, self.points)
        if content == (normalise(draft.customer), draft.reserve, draft.points):
            return None
        return (
            f"Its ref was given before with another content: {self.points:+,} points in {self.reserve} for "
            f"{self.customer}. Give it a ref of its own, or leave it out if it was corrected since."
        )


def from_draft(draft: Draft) -> RecordedLine:
    """What the ref of a draft stands for once it is recorded."""
    return RecordedLine(normalise(draft.customer), draft.reserve, draft.points or 0, draft.kind or "")


def find_recorded(session: Session, drafts: Iterable[Draft]) -> dict[str, RecordedLine]:
    """What the refs of `drafts` stand for, where lines of a file with these refs were recorded before."""
    refs = [draft.ref for draft in drafts if draft.ref]
    recorded: dict[str, RecordedLine] = {}
    for start in range(0, len(refs), CHUNK_SIZE):
        rows = session.execute(
            select(Movement.ref, Customer.email, Reserve.key, Movement.points, Movement.kind)
            .join(Customer, Customer.id == Movement.customer_id)
            .join(Reserve, Reserve.id == Movement.reserve_id)
            .where(Movement.source == IMPORT_SOURCE, Movement.ref.in_(refs[start : start + CHUNK_SIZE]))
        )
        recorded |= {ref or "": RecordedLine(email, key, points, kind) for ref, email, key, points, kind in rows}
    return recorded

"""Lines that were recorded before: found by their refs, from any file, as opening balances or as new points;
and exported movements that are here."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from pointsync.db.chunking import chunks
from pointsync.imports.drafts import ImportLine
from pointsync.ledger.record import Draft
from pointsync.models import Customer, Movement, Reserve
from pointsync.models.movement import IMPORT_SOURCE


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """The content of a recorded line. Lines with the same content are the same line, whatever their kinds."""

    customer: str
    """The address with which the customer is shown."""
    reserve: str
    points: int
    kind: str

    def find_conflict(self, draft: Draft, customer: str) -> str | None:
        """Explain why `draft`, for `customer`, is not the same line; None if it is."""
        if (self.customer, self.reserve, self.points) == (customer, draft.reserve, draft.points):
            return None
        return (
            f"This ref was used before for something else: {self.points:+,} points in {self.reserve} for "
            f"{self.customer}. Give the line its own ref, or leave it out if it was corrected since."
        )


def from_draft(draft: Draft, customer: str) -> RecordedLine:
    """The content of a draft for `customer`."""
    return RecordedLine(customer, draft.reserve, draft.points or 0, draft.kind or "")


def find_recorded(session: Session, lines: Iterable[ImportLine]) -> dict[str, RecordedLine]:
    """What is recorded of `lines`, by the refs of their drafts."""
    drafts = [(line.draft, line.exported) for line in lines if line.draft]
    refs = [draft.ref for draft, _ in drafts if draft.ref]
    address = aliased(Customer)
    recorded = _find_exported(session, {exported: draft for draft, exported in drafts if exported})
    for chunk in chunks(refs):
        rows = session.execute(
            select(Movement.ref, Customer.email, Reserve.key, Movement.points, Movement.kind)
            .join(address, address.id == Movement.customer_id)
            .join(Customer, Customer.id == address.person_id())
            .join(Reserve, Reserve.id == Movement.reserve_id)
            .where(Movement.source == IMPORT_SOURCE, Movement.ref.in_(chunk))
        )
        recorded |= {ref or "": RecordedLine(email, key, points, kind) for ref, email, key, points, kind in rows}
    return recorded


def _find_exported(session: Session, drafts: dict[tuple[str, str], Draft]) -> dict[str, RecordedLine]:
    """The movements that are here, by the refs of their drafts, in the reserves of the file: a site may have recorded a
    movement of another one in a reserve of another name."""
    ids_by_origin: defaultdict[str, list[str]] = defaultdict(list)
    for origin, movement_id in drafts:
        ids_by_origin[origin].append(movement_id)
    found: dict[str, RecordedLine] = {}
    address = aliased(Customer)
    query = (
        select(Movement.id, Customer.email, Movement.points, Movement.kind)
        .join(address, address.id == Movement.customer_id)
        .join(Customer, Customer.id == address.person_id())
    )
    for origin, movement_ids in ids_by_origin.items():
        for chunk in chunks(movement_ids):
            for movement_id, email, points, kind in session.execute(
                query.where(Movement.origin == origin, Movement.id.in_(chunk))
            ):
                draft = drafts[origin, movement_id]
                found[draft.ref or ""] = RecordedLine(email, draft.reserve, points, kind)
    return found

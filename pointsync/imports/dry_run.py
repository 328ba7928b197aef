"""The whole file looked at, line by line, before anything is recorded: what it would do, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.imports import duplicates
from pointsync.imports.drafts import OPENING, Choice, Line, made_refs
from pointsync.imports.duplicates import Known
from pointsync.imports.scratch import Pot, Scratch
from pointsync.ledger import customers, reserves
from pointsync.ledger.balances import CHUNK
from pointsync.ledger.record import Draft
from pointsync.models import Balance, Reserve
from pointsync.text_limits import MAX_POINTS

SHOWN_FAULTS = 100


@dataclass(slots=True)
class Tally:
    """What a file comes to, counted in lines but for the last three."""

    lines: int = 0
    new: int = 0
    known: int = 0
    """Recorded before, or standing in the file before, with the same content."""
    known_otherwise: int = 0
    """Those of `known` that were recorded as opening balances and are now given as new points, or the reverse."""
    skipped: int = 0
    """Of 0 points."""
    faulty: int = 0
    below_zero: int = 0
    """Of the new ones: they take points that are not there, and are flagged."""
    points: dict[str, int] = field(default_factory=dict)
    """What the new ones come to, by the reserve's key."""
    new_customers: int = 0
    customers_below_zero: int = 0

    @property
    def shape(self) -> dict[str, Any]:
        """For commands and for what is kept of a work."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Check:
    """Takes the lines of a file in their order, some at a time, each time with a session that reads what is there now.

    Nothing is written but the scratch, which afterwards holds the faults of all lines.
    """

    def __init__(self, session: Session, choice: Choice, digest: str, scratch: Scratch) -> None:
        self._choice, self._scratch, self._made = choice, scratch, made_refs(digest)
        self._may_go_below = {each.key for each in reserves.every(session) if each.may_go_below_zero}
        self._bounded = {each.key for each in reserves.every(session)} - self._may_go_below
        self.tally = Tally()

    def look(self, session: Session, lines: Sequence[Line]) -> None:
        """Look at the next lines, at most 1,000."""
        tally, faults = self.tally, [(line.number, " ".join(line.faults)) for line in lines if line.faults]
        self._scratch.begin()
        known = duplicates.find(session, (line.draft for line in lines if line.draft))
        fresh: list[tuple[int, Draft]] = []
        for line in lines:
            if line.draft is None:
                tally.skipped += not line.faults
                continue
            ref = line.draft.ref or ""
            earlier = known.get(ref) or self._seen(ref, line.draft)
            if earlier is None:
                fresh.append((line.number, line.draft))
            elif fault := earlier.fault_of(line.draft):
                faults.append((line.number, fault))
            else:
                tally.known += 1
                tally.known_otherwise += (earlier.kind == OPENING) != self._choice.is_opening
        faults += self._add(session, fresh)
        tally.lines += len(lines)
        tally.faulty += len(faults)
        self._scratch.keep_faults(faults)
        self._scratch.commit()

    def done(self) -> Tally:
        """What the whole file comes to, once all its lines were looked at."""
        self.tally.new_customers = self._scratch.newcomers()
        self.tally.customers_below_zero = self._scratch.below_zero(self._bounded)
        return self.tally

    def _seen(self, ref: str, draft: Draft) -> Known | None:
        # A ref made of the file's digest and the line's number stands in no other line.
        return None if ref.startswith(self._made) else self._scratch.remember(ref, duplicates.of(draft))

    def _add(self, session: Session, fresh: Sequence[tuple[int, Draft]]) -> list[tuple[int, str]]:
        """Add the lines that are new to the balances; the faults of those that cannot be added."""
        tally, faults = self.tally, []
        pots = self._pots(session, [draft for _, draft in fresh])
        touched: dict[Pot, int] = {}
        for number, draft in fresh:
            pot, points = (normalise(draft.customer), draft.reserve), draft.points or 0
            after = pots[pot] + points
            if abs(after) > MAX_POINTS:
                faults.append((number, f"The balance would be {after:,}; it must stay within ±{MAX_POINTS:,}."))
                continue
            pots[pot] = touched[pot] = after
            tally.new += 1
            tally.below_zero += after < 0 and points < 0 and draft.reserve in self._bounded
            tally.points[draft.reserve] = tally.points.get(draft.reserve, 0) + points
        self._scratch.keep_pots(touched)
        return faults

    def _pots(self, session: Session, drafts: Sequence[Draft]) -> dict[Pot, int]:
        """The balances before these lines: as earlier lines made them, else as they are here."""
        wanted = {(normalise(draft.customer), draft.reserve) for draft in drafts}
        found = self._scratch.pots(wanted)
        missing = wanted - found.keys()
        if not missing:
            return found
        emails = sorted({email for email, _ in missing})
        numbers = customers.existing(session, emails)
        self._scratch.keep_newcomers(email for email in emails if email not in numbers)
        found |= dict.fromkeys(missing, 0)
        by_number = {number: email for email, number in numbers.items()}
        ids = sorted(by_number)
        for start in range(0, len(ids), CHUNK):
            rows = session.execute(
                select(Balance.customer_id, Reserve.key, Balance.points)
                .join(Reserve, Reserve.id == Balance.reserve_id)
                .where(Balance.customer_id.in_(ids[start : start + CHUNK]))
            )
            for number, key, points in rows:
                if (pot := (by_number[number], key)) in missing:
                    found[pot] = points
        return found


def sums(session: Session) -> dict[str, int]:
    """The points of all customers together, by the reserve's key."""
    query = (
        select(Reserve.key, func.coalesce(func.sum(Balance.points), 0))
        .outerjoin(Balance, Balance.reserve_id == Reserve.id)
        .group_by(Reserve.key)
        .order_by(Reserve.key)
    )
    return {key: int(points) for key, points in session.execute(query)}

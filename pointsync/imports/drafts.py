"""Rows to movements as they would be recorded: what each cell means, and a sentence for each that means nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.csv_safety import undefuse
from pointsync.errors import Invalid, Refused
from pointsync.imports.rows import Row
from pointsync.ledger import draft_rules, reserves
from pointsync.ledger.record import Draft
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Reserve
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_POINTS

OPENING, IMPORT = "opening", "import"

_WHOLE = re.compile(r"[+\-−]?[0-9]{1,18}\Z")
_THOUSANDS = re.compile(r"[+\-−]?[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+\Z")
_DECIMAL = re.compile(r"[+\-−]?[0-9]+[.,][0-9]+\Z")
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?\Z")
_BREAKS = re.compile(r"\s*[\r\n]+\s*")
MAX_SHOWN = 40
FIRST_YEAR = 1970


@dataclass(frozen=True, slots=True)
class Choice:
    """What is said of a file beside its content."""

    is_opening: bool
    """Opening balances, which stay here; else new points, which all sites are sent."""
    zone: ZoneInfo
    """Of moments that are written without one."""
    reserve: str = DEFAULT_RESERVE
    """The key for lines that name none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row, with the movement that it asks for, the faults that it has, or neither: it changes nothing."""

    number: int
    draft: Draft | None = None
    faults: tuple[str, ...] = ()


class Drafts:
    """Makes lines of rows, within one reading of a file, by the reserves that are there when it begins."""

    def __init__(self, session: Session, choice: Choice, digest: str, now: datetime) -> None:
        """`digest` is the file's, by which lines without a ref are known again. Raises NotFound or Invalid."""
        self._choice, self._made, self._now = choice, made_refs(digest), now
        self._session = session
        self._named: dict[str, Reserve] = {each.key: each for each in reserves.every(session)}
        for each in self._named.values():
            session.expunge(each)  # they outlive the transactions of this reading
        if fault := self._reserve_fault(choice.reserve):
            raise Invalid("reserve", fault)

    def of(self, row: Row) -> Line:
        """The row as a line. What it asks for does not depend on the choice between opening and new, but its kind."""
        if row.fault:
            return Line(row.number, faults=(row.fault,))
        cells = {name: undefuse(cell).strip() for name, cell in row.cells.items()}
        try:
            points, at = _points(cells["points"]), self._at(cells.get("at", ""))
        except Invalid as fault:
            return Line(row.number, faults=(fault.message,))
        reserve = cells.get("reserve") or self._choice.reserve
        if fault_of_reserve := self._reserve_fault(reserve):
            return Line(row.number, faults=(fault_of_reserve,))
        draft = Draft(
            cells["customer"],
            points or 1,
            reserve=reserve,
            kind=self._kind(cells),
            reason=_BREAKS.sub(" ", cells.get("reason", "")),
            ref=cells.get("ref") or f"{self._made}{row.number}",
            at=at,
            is_done=True,
        )
        if faults := draft_rules.faults(self._session, draft, self._named, self._now):
            return Line(row.number, faults=tuple(_sentence(fault) for fault in faults))
        return Line(row.number, draft if points else None)

    def _kind(self, cells: Mapping[str, str]) -> str:
        kind = cells.get("kind", "").lower()
        if self._choice.is_opening:
            return OPENING
        return IMPORT if not kind or kind in LOCAL_KINDS else kind

    def _at(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            if _LOCAL.match(text):
                at = datetime.fromisoformat(text).replace(tzinfo=self._choice.zone).astimezone(self._now.tzinfo)
            else:
                at = clock.from_text(text)
        except (ValueError, OverflowError):
            raise Invalid(
                "at", f"The moment {_shown(text)} cannot be read; write 2026-01-31, 2026-01-31 14:05 or RFC 3339."
            ) from None
        if at.year < FIRST_YEAR:
            raise Invalid("at", f"The moment {_shown(text)} lies before {FIRST_YEAR}; give the time when it happened.")
        if at > self._now:
            raise Invalid("at", f"The moment {_shown(text)} lies ahead; give the time when it happened.")
        return at

    def _reserve_fault(self, key: str) -> str | None:
        reserve = self._named.get(key)
        if reserve is None:
            there = ", ".join(self._named)
            return f"There is no points reserve {_shown(key)} here; there is {there}."
        return None if reserve.is_active else f"The points reserve {key} is not active."


def made_refs(digest: str) -> str:
    """How the refs of a file's lines begin that have none of their own; the line's number follows."""
    return f"file:{digest}:"


def _points(text: str) -> int:
    if _WHOLE.match(text):
        points = int(text.replace("−", "-"))
        if abs(points) > MAX_POINTS:
            raise Invalid("points", f"Points must be within ±{MAX_POINTS:,}; this is {points:,}.")
        return points
    if not text:
        raise Invalid("points", "The points are missing; give a whole number, such as 50 or -20.")
    if _THOUSANDS.match(text):
        plain = re.sub(r"[^0-9+\-−]", "", text)
        raise Invalid("points", f"{text} could be thousands or a fraction; write {plain} if it is thousands.")
    if _DECIMAL.match(text):
        raise Invalid("points", f"{_shown(text)} is no whole number; points have no fractions.")
    raise Invalid("points", f"{_shown(text)} is no number of points; give a whole one, such as 50 or -20.")


def _sentence(fault: Refused) -> str:
    (field, message), *_ = fault.fields.items()
    return message if field in ("customer", "points") else f"{field}: {message}"


def _shown(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[: MAX_SHOWN - 1]}…"

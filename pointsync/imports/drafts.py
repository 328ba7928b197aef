"""Turn rows into drafts of movements, and explain each cell that is not valid."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from pointsync import clock, whole_number
from pointsync.crypto import sha256_hex
from pointsync.csv_safety import unescape_formula
from pointsync.errors import DomainError, InvalidInput
from pointsync.imports.rows import Row
from pointsync.ledger import draft_rules, reserves
from pointsync.ledger.record import Draft
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Reserve
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_REF_LENGTH, printable, validate_points

OPENING, IMPORT = "opening", "import"

_THOUSANDS = re.compile(r"[+\-−]?[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+\Z")
_DECIMAL = re.compile(r"[+\-−]?[0-9]+[.,][0-9]+\Z")
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?\Z")
_LINE_BREAKS = re.compile(r"\s*[\r\n]+\s*")
MIN_YEAR = 1970


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """The options that decide how rows become drafts."""

    is_opening: bool
    """Opening balances, which stay on this site; else new points, which are sent to all sites."""
    zone: ZoneInfo
    """The time zone of times that are written without one."""
    reserve: str = DEFAULT_RESERVE
    """The key of the reserve for lines that name none."""


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A row with its draft or its faults. A line of 0 points has neither."""

    number: int
    draft: Draft | None = None
    faults: tuple[str, ...] = ()
    exported: tuple[str, str] | None = None
    """The origin and the id of the movement, if the line is an exported one."""


class DraftParser:
    """Parses the rows of one file. It reads the reserves once, at the start."""

    def __init__(self, session: Session, options: DraftOptions, digest: str, now: datetime) -> None:
        """`digest`, the SHA-256 of the file, is part of refs for lines without one. Raises InvalidInput (`reserve`)."""
        self._options, self._ref_prefix, self._now = options, generated_ref_prefix(digest), now
        self._session = session
        self._reserves: dict[str, Reserve] = {each.key: each for each in reserves.list_all(session)}
        for each in self._reserves.values():
            session.expunge(each)  # they are used after this transaction ends
        if fault := self._find_reserve_fault(options.reserve):
            raise InvalidInput("reserve", fault)

    def parse(self, row: Row) -> ImportLine:
        """Parse a row. The choice between opening balances and new points changes only the kind of the movement."""
        if row.fault:
            return ImportLine(row.number, faults=(row.fault,))
        cells = {name: unescape_formula(cell).strip() for name, cell in row.cells.items()}
        try:
            points, at = _parse_points(cells["points"]), self._parse_at(cells.get("at", ""))
        except InvalidInput as fault:
            return ImportLine(row.number, faults=(fault.message,))
        reserve = cells.get("reserve") or self._options.reserve
        if reserve_fault := self._find_reserve_fault(reserve):
            return ImportLine(row.number, faults=(reserve_fault,))
        exported = (cells.get("origin", ""), cells.get("id", ""))
        is_exported = all(exported)
        own_ref = _exported_ref(*exported) if is_exported else cells.get("ref")
        draft = Draft(
            cells["customer"],
            points or 1,
            reserve=reserve,
            kind=self._parse_kind(cells),
            reason=_LINE_BREAKS.sub(" ", cells.get("reason", "")),
            ref=own_ref or f"{self._ref_prefix}{row.number}",
            at=at,
            has_happened=True,
            is_entered=True,
        )
        _, errors = draft_rules.check(self._session, draft, self._reserves, self._now)
        if errors:
            return ImportLine(row.number, faults=tuple(_format_fault(error) for error in errors))
        return ImportLine(row.number, draft if points else None, exported=exported if is_exported else None)

    def _parse_kind(self, cells: Mapping[str, str]) -> str:
        kind = cells.get("kind", "").lower()
        if self._options.is_opening:
            return OPENING
        return IMPORT if not kind or kind in LOCAL_KINDS else kind

    def _parse_at(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            if _LOCAL_TIME.match(text):
                at = datetime.fromisoformat(text).replace(tzinfo=self._options.zone).astimezone(self._now.tzinfo)
            else:
                at = clock.from_text(text)
        except (ValueError, OverflowError):
            raise InvalidInput(
                "at",
                f"The time {printable(text)} is not valid. Write it like 2026-01-31, 2026-01-31 14:05 or RFC 3339.",
            ) from None
        if at.year < MIN_YEAR:
            raise InvalidInput(
                "at", f"The time {printable(text)} is before {MIN_YEAR}. Give the time when it happened."
            )
        if at > self._now:
            raise InvalidInput("at", f"The time {printable(text)} is in the future. Give the time when it happened.")
        return at

    def _find_reserve_fault(self, key: str) -> str | None:
        reserve = self._reserves.get(key)
        if reserve is None:
            existing = ", ".join(self._reserves)
            return f"There is no points reserve {printable(key)} here. The reserves are {existing}."
        return None if reserve.is_active else f"The points reserve {key} is not active."


def generated_ref_prefix(digest: str) -> str:
    """How the generated refs of a file's lines begin. The line number follows."""
    return f"file:{digest}:"


def _exported_ref(origin: str, movement_id: str) -> str:
    """The ref of an exported movement that is not here: the same in each file. Its own ref is another source's."""
    ref = f"exported:{origin}:{movement_id}"
    return ref if len(ref) <= MAX_REF_LENGTH else f"exported:{sha256_hex(ref)}"


def _parse_points(text: str) -> int:
    if (number := whole_number.read_text(text)) is not None:
        return validate_points(number, "points")
    if not text:
        raise InvalidInput("points", "The points are missing. Give a whole number, such as 50 or -20.")
    if _THOUSANDS.match(text):
        digits = re.sub(r"[^0-9+\-−]", "", text)
        raise InvalidInput("points", f"{text} could be thousands or a fraction. Write {digits} if you mean thousands.")
    if _DECIMAL.match(text):
        raise InvalidInput("points", f"{printable(text)} is not a whole number. Points have no fractions.")
    raise InvalidInput(
        "points", f"{printable(text)} is not a number. Give a whole number of points, such as 50 or -20."
    )


def _format_fault(fault: DomainError) -> str:
    (field, message), *_ = fault.fields.items()
    return message if field in ("customer", "points") else f"{field}: {message}"

"""The rows of a report: all parts one after the other, from any position on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from msgspec import Struct

from pointsync.errors import InvalidInput
from pointsync.reports.person_report import ledger_parts, texts
from pointsync.reports.person_report.person import Person
from pointsync.sync.people.report_json import PARTS

_READERS: dict[str, Callable[[Person], Iterable[Struct]]] = {
    "addresses": ledger_parts.list_addresses,
    "changes": ledger_parts.list_changes,
    "balances": ledger_parts.list_balances,
    "levels": ledger_parts.list_levels,
    "redemptions": ledger_parts.list_redemptions,
    "holds": ledger_parts.list_holds,
    "orders": ledger_parts.list_orders,
    "accounts": ledger_parts.list_accounts,
    "mails": texts.list_mails,
    "deliveries": texts.list_deliveries,
    "mentions": texts.list_mentions,
    "files": texts.list_files,
    "pairs": texts.list_pairs,
}
MOVEMENTS = "movements"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a report: in `part`, after `number` rows; of movements, after the one with this `seq`."""

    part: str
    number: int

    def __str__(self) -> str:
        return f"{self.part}:{self.number}"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row, and where the report goes on after it."""

    part: str
    content: Struct
    next: Position


def parse_position(text: str) -> Position:
    """The position in `text`. Raises InvalidInput for `after`."""
    part, _, number = text.partition(":")
    if part not in PARTS or not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise InvalidInput("after", "after must be the next of the answer before.")
    return Position(part, int(number))


def iter_rows(person: Person, after: Position | None = None) -> Iterator[ReportRow]:
    """The rows after a position, or all. It may stop anywhere: nothing is held open."""
    names = list(PARTS)
    for part in names[names.index(after.part) if after else 0 :]:
        number = after.number if after and after.part == part else 0
        if part == MOVEMENTS:
            for seq, movement in ledger_parts.list_movements(person, number or None):
                yield ReportRow(part, movement, Position(part, seq))
        else:
            for place, content in enumerate(islice(_READERS[part](person), number, None), start=number + 1):
                yield ReportRow(part, content, Position(part, place))

"""The import of a file: check all lines, then record them in small transactions. It can be stopped at any time.

After a stop or a kill, the recorded lines stay. Importing the same file again records the rest: a line is known by its
ref.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.csv_safety import escape_formula
from pointsync.errors import DomainError
from pointsync.files import atomic_text_file
from pointsync.imports import encoding as import_encoding
from pointsync.imports import record_lines
from pointsync.imports import rows as import_rows
from pointsync.imports.drafts import DraftOptions, DraftParser, ImportLine
from pointsync.imports.dry_run import MAX_LISTED_FAULTS, DryRun, ImportTally
from pointsync.imports.formats import LAST
from pointsync.imports.scratch import Scratch
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Balance, Remote, Reserve
from pointsync.sync.site import general

CHECKED, REFUSED, RECORDED, STOPPED = "checked", "refused", "recorded", "stopped"
LINES_PER_CHECK = 1000
PAUSE_RATIO = 0.25
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.005, 0.1
"""A pause after each transaction lets the shop write. It lasts a share of the time that the transaction took."""

RunInTransaction = Callable[[Callable[[Session], int]], int]
"""Runs a function in its own transaction, as `db.run_in_transaction` does."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What an admin chooses for a file. The fields are stored as the options of the task."""

    is_opening: bool = True
    shape: str | None = None
    """One of `formats.FORMATS`; None detects it by the header."""
    reserve: str = DEFAULT_RESERVE
    """The key of the reserve for lines that name none."""
    good_lines: bool = False
    """Record the valid lines even if others are faulty."""
    same_customer: str | None = None
    """What counts if a customer occurs twice in a list of balances, one of `formats.SAME_CUSTOMER`; None: a fault."""


@dataclass(slots=True)
class ImportReport:
    """The result of a dry run or an import. `asdict` turns it into JSON, for commands and for the task's result."""

    state: str
    is_opening: bool
    encoding: str
    first_foreign_line: int | None
    shape: str
    unit: str
    """What is counted: `line`, or `entry` of a JSON list."""
    ignored: list[str]
    tally: ImportTally = field(default_factory=ImportTally)
    recorded: int = 0
    done: int = 0
    """How many lines were checked or, if `sums` is set, gone through for recording."""
    sums: list[dict[str, Any]] = field(default_factory=list)
    """`{reserve, before, points, after}` for each reserve, after all lines were checked."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """`{line, message}` for the first `MAX_LISTED_FAULTS` faulty lines."""
    sent_to: list[str] = field(default_factory=list)
    """The names of the sites that new points are sent to."""
    why: str | None = None
    """Why the recording ended early, if nobody stopped it."""


class Import:
    """The import of one file. Each pass reads the file again; `scratch` is the path of a temporary file.

    `check` and `record` yield after each part, which takes a fraction of a second. The caller may stop at any `yield`;
    `report` then holds the progress.
    """

    def __init__(self, path: Path, options: ImportOptions, scratch: Path, now: datetime) -> None:
        """Read the file once for its encoding and format. Raises InvalidInput for `file` or `reserve`."""
        self._path, self._options, self._scratch_path, self._now = path, options, scratch, now
        self._encoding = import_encoding.detect_encoding(path)
        session = db.session()
        self._draft_options = DraftOptions(options.is_opening, general.get_time_zone(session), options.reserve)
        self._parser = DraftParser(session, self._draft_options, self._encoding.digest, now)
        with import_rows.open_rows(path, self._encoding, options.shape) as file:
            self.report = ImportReport(
                state=STOPPED,
                is_opening=options.is_opening,
                encoding=self._encoding.label,
                first_foreign_line=self._encoding.first_foreign_line,
                shape=file.format.name,
                unit=file.unit,
                ignored=file.format.ignored,
            )
            self._is_balance_list = file.format.is_balance_list

    @property
    def line_count(self) -> int:
        """About how many lines the file has, as far as is known."""
        counted = self.report.tally.lines
        return max(self._encoding.line_count - 1, counted) if self.report.unit == "line" else counted

    def check(self, faults_path: Path | None = None) -> Iterator[None]:
        """Check every line and record nothing. Writes all faults to `faults_path` as CSV, if there are any.

        Raises UnreadableFile.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check_lines(scratch)
            self.report.state = CHECKED
            if faults_path and self.report.tally.faulty:
                self._write_faults(scratch, faults_path)

    def record(self, run_in_transaction: RunInTransaction) -> Iterator[None]:
        """Check all lines, then record the new ones if no line is faulty or `good_lines` is set.

        Raises UnreadableFile before anything is recorded, and DatabaseBusy. If the ledger refuses a line later, because
        something changed meanwhile, the import stops and `report.why` says why.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check_lines(scratch)
            if self.report.tally.faulty and not self._options.good_lines:
                self.report.state = REFUSED
                return
            self.report.done = 0
            for lines in self._iter_lines(record_lines.LINES_PER_TRANSACTION):
                started_at = monotonic()
                if not self._record_lines(scratch, lines, run_in_transaction):
                    return
                sleep(min(max((monotonic() - started_at) * PAUSE_RATIO, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))
                yield
            self.report.state = RECORDED

    def _check_lines(self, scratch: Scratch) -> Iterator[None]:
        session, report = db.session(), self.report
        dry_run = DryRun(
            session,
            self._draft_options,
            self._encoding.digest,
            scratch,
            unit=report.unit,
            same_customer=self._options.same_customer,
            is_balance_list=self._is_balance_list,
        )
        report.tally = dry_run.tally
        if self._is_balance_list and self._options.same_customer == LAST:
            for lines in self._iter_lines(LINES_PER_CHECK):
                dry_run.remember_last_lines(lines)
                session.rollback()
                yield
        for lines in self._iter_lines(LINES_PER_CHECK):
            dry_run.check_lines(session, lines)
            # A snapshot held for minutes would keep SQLite from truncating its log and PostgreSQL from vacuuming.
            session.rollback()
            report.done = report.tally.lines
            yield
        dry_run.finish()
        report.sums = _summarize_reserves(session, report.tally.points)
        report.sent_to = [] if self._options.is_opening else list_receiving_sites(session, report.tally.points)
        report.faults = [{"line": line, "message": message} for line, message in scratch.iter_faults(MAX_LISTED_FAULTS)]

    def _record_lines(self, scratch: Scratch, lines: list[ImportLine], run_in_transaction: RunInTransaction) -> bool:
        """Record one part. Return whether to continue."""
        unrecorded = scratch.get_unrecorded_lines(lines[0].number, lines[-1].number)
        good = [line for line in lines if line.number not in unrecorded]
        try:
            self.report.recorded += run_in_transaction(partial(record_lines.record_lines, lines=good, now=self._now))
        except DomainError as error:
            location = f"Between {self.report.unit} {lines[0].number:,} and {lines[-1].number:,}"
            self.report.why = f"{location}: {error.message}"
            return False
        self.report.done += len(lines)
        return True

    def _iter_lines(self, size: int) -> Iterator[list[ImportLine]]:
        with import_rows.open_rows(self._path, self._encoding, self._options.shape) as file:
            while lines := [self._parser.parse(row) for row in islice(file.rows, size)]:
                yield lines

    def _write_faults(self, scratch: Scratch, path: Path) -> None:
        with atomic_text_file(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((self.report.unit, "message"))
            writer.writerows((line, escape_formula(message)) for line, message in scratch.iter_faults())


def list_receiving_sites(session: Session, reserves: dict[str, int]) -> list[str]:
    """The names or URLs of the sites that receive movements in these reserves."""
    rows = session.execute(
        select(Remote.name, Remote.url)
        .join(Reserve, Reserve.id == Remote.reserve_id)
        .where(Reserve.key.in_(reserves), Remote.deleted_at.is_(None), Remote.closing_at.is_(None))
    )
    return sorted({row.name or row.url for row in rows})


def _summarize_reserves(session: Session, points: dict[str, int]) -> list[dict[str, Any]]:
    query = (
        select(Reserve.key, func.coalesce(func.sum(Balance.points), 0))
        .outerjoin(Balance, Balance.reserve_id == Reserve.id)
        .group_by(Reserve.key)
        .order_by(Reserve.key)
    )
    return [
        {"reserve": key, "before": int(total), "points": points.get(key, 0), "after": int(total) + points.get(key, 0)}
        for key, total in session.execute(query)
    ]

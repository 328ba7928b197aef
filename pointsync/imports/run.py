"""A file of points brought in: looked at as a whole, then recorded bit by bit, stoppable at any moment.

Stopped or killed, what is recorded stays recorded; the same file once more records the rest, since each line is known
by its ref.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.csv_safety import defuse
from pointsync.db import db
from pointsync.errors import Refused
from pointsync.files import whole_file
from pointsync.imports import dry_run, record_lines
from pointsync.imports import encoding as import_encoding
from pointsync.imports import rows as import_rows
from pointsync.imports.drafts import Choice, Drafts, Line
from pointsync.imports.dry_run import SHOWN_FAULTS, Check
from pointsync.imports.scratch import Scratch
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Remote, Reserve
from pointsync.sync.site import general

CHECKED, REFUSED, RECORDED, STOPPED = "checked", "refused", "recorded", "stopped"
LOOK = 1000
GAP_SHARE = 0.25
MIN_GAP_SECONDS, MAX_GAP_SECONDS = 0.005, 0.1
"""Between two transactions the shop's own writes have their turn, the longer the longer a transaction took."""

Write = Callable[[Callable[[Session], int]], int]
"""Runs its argument in a transaction of its own, as `db.in_write` does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an admin says of a file."""

    is_opening: bool = True
    shape: str | None = None
    """One of `csv_shapes.SHAPES`; None to find it by the header."""
    reserve: str = DEFAULT_RESERVE
    """For lines that name none."""
    good_lines: bool = False
    """Record the good lines even where others are faulty."""


@dataclass(slots=True)
class Report:
    """What is to be told of a file, all of it fit for JSON."""

    state: str
    is_opening: bool
    encoding: str
    first_foreign_line: int | None
    shape: str
    unit: str
    """What lines are counted in: `line`, or `entry` of a JSON list."""
    ignored: list[str]
    tally: dict[str, Any] = field(default_factory=dict)
    recorded: int = 0
    done: int = 0
    """How many lines were gone through in what it was at last: checking, or recording."""
    sums: list[dict[str, Any]] = field(default_factory=list)
    """`{reserve, before, points, after}` for each reserve."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """`{line, message}`, the first 100."""
    sent_to: list[str] = field(default_factory=list)
    """The sites that new points are sent to, by their names."""
    why: str | None = None
    """What ended the recording where nobody asked it to stop."""

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Import:
    """One file with what is said of it. It is read from disk in each pass; its scratch is a file beside it.

    `check` and `record` go on by parts of a fraction of a second; whoever runs them may end them at any `yield`, and
    finds in `report` how far it came.
    """

    def __init__(self, path: Path, asked: Asked, scratch: Path, now: datetime) -> None:
        """Look through the bytes once. Raises Invalid (`file`, `reserve`) where nothing of it can be recorded."""
        self._path, self._asked, self._scratch_path, self._now = path, asked, scratch, now
        self._survey = import_encoding.survey(path)
        session = db.session()
        self._choice = Choice(asked.is_opening, general.time_zone(session), asked.reserve)
        self._drafts = Drafts(session, self._choice, self._survey.digest, now)
        with import_rows.reading(path, self._survey, asked.shape) as sheet:
            self.report = Report(
                STOPPED,
                asked.is_opening,
                self._survey.encoding,
                self._survey.first_foreign_line,
                sheet.shape.name,
                sheet.unit,
                sheet.shape.ignored,
            )

    @property
    def lines(self) -> int:
        """About how many there are, so far as that is known."""
        counted = int(self.report.tally.get("lines", 0))
        return max(self._survey.lines - 1, counted) if self.report.unit == "line" else counted

    def check(self, faults_to: Path | None = None) -> Iterator[None]:
        """Look at every line; nothing is recorded. All faults go to `faults_to`, as CSV, where there are any.

        Raises Unreadable where reading cannot go on.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check(scratch)
            self.report.state = CHECKED
            if faults_to and self.report.tally["faulty"]:
                self._write_faults(scratch, faults_to)

    def record(self, write: Write) -> Iterator[None]:
        """Check, and record what is new where no line is faulty, or where the good lines were asked for.

        Raises Unreadable from the check, before anything is recorded. What is refused later, since something changed
        meanwhile, ends it like a stop, and the report says why; Busy is raised.
        """
        with closing(Scratch(self._scratch_path)) as scratch:
            yield from self._check(scratch)
            if self.report.tally["faulty"] and not self._asked.good_lines:
                self.report.state = REFUSED
                return
            self.report.done = 0
            for lines in self._chunks(record_lines.CHUNK):
                began = monotonic()
                if not self._take(scratch, lines, write):
                    return
                sleep(min(max((monotonic() - began) * GAP_SHARE, MIN_GAP_SECONDS), MAX_GAP_SECONDS))
                yield
            self.report.state = RECORDED

    def _check(self, scratch: Scratch) -> Iterator[None]:
        session, report = db.session(), self.report
        check = Check(session, self._choice, self._survey.digest, scratch)
        report.tally = check.tally.shape
        for lines in self._chunks(LOOK):
            check.look(session, lines)
            # A snapshot held for minutes would keep SQLite from emptying its log, and PostgreSQL from cleaning up.
            session.rollback()
            report.tally, report.done = check.tally.shape, check.tally.lines
            yield
        report.tally = check.done().shape
        report.sums = _sums(session, check.tally.points)
        report.sent_to = [] if self._asked.is_opening else sent_to(session, check.tally.points)
        report.faults = [{"line": line, "message": said} for line, said in scratch.faults(SHOWN_FAULTS)]

    def _take(self, scratch: Scratch, lines: list[Line], write: Write) -> bool:
        """Record one part; whether to go on."""
        faulty = scratch.faulty(lines[0].number, lines[-1].number)
        good = [line for line in lines if line.number not in faulty]
        try:
            self.report.recorded += write(partial(record_lines.take, lines=good, now=self._now))
        except Refused as error:
            where = f"Between {self.report.unit} {lines[0].number:,} and {lines[-1].number:,}"
            self.report.why = f"{where}: {error.message}"
            return False
        self.report.done += len(lines)
        return True

    def _chunks(self, size: int) -> Iterator[list[Line]]:
        with import_rows.reading(self._path, self._survey, self._asked.shape) as sheet:
            while lines := [self._drafts.of(row) for row in islice(sheet.rows, size)]:
                yield lines

    def _write_faults(self, scratch: Scratch, path: Path) -> None:
        with whole_file(path) as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow((self.report.unit, "message"))
            lines.writerows((line, defuse(said)) for line, said in scratch.faults())


def sent_to(session: Session, reserves: dict[str, int]) -> list[str]:
    """The sites that are sent what is recorded in these reserves, by their names or URLs."""
    rows = session.execute(
        select(Remote.name, Remote.url)
        .join(Reserve, Reserve.id == Remote.reserve_id)
        .where(Reserve.key.in_(reserves), Remote.deleted_at.is_(None), Remote.closing_at.is_(None))
    )
    return sorted({row.name or row.url for row in rows})


def _sums(session: Session, points: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"reserve": key, "before": before, "points": points.get(key, 0), "after": before + points.get(key, 0)}
        for key, before in dry_run.sums(session).items()
    ]

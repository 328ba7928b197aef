"""The bare writes that belong to what PointSync has done: for each commit, its statements with prepared rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pointsync.models import (
    Attempt,
    Balance,
    Customer,
    DailyDeliveryTotal,
    Delivery,
    HourlyTotal,
    Movement,
    ReceivedSummary,
    Remote,
    Site,
)
from tests.bench.databases import Database
from tests.bench.floors.rows import Changes, Row, TableRows, compare, read

BATCH = 1_000
LEDGER = (Customer, Balance, Movement, HourlyTotal)
RECEIVING = (*LEDGER, ReceivedSummary)
RECORDING = (*LEDGER, Delivery, Site)
SENDING = (Delivery, Attempt, Remote, DailyDeliveryTotal, Site)


class Kind(Enum):
    """What a statement does with its rows."""

    INSERT = auto()
    UPDATE = auto()
    """Rows that exist; the key comes last."""
    UPSERT = auto()


@dataclass(frozen=True)
class Write:
    """A statement with the rows that it is executed for."""

    kind: Kind
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: list[Row]


Commit = list[Write]
Reading = dict[Any, TableRows]


def read_all(database: Database, models: Sequence[Any]) -> Reading:
    """Read these tables."""
    return {model: read(database, model) for model in models}


def compare_all(before: Reading, after: Reading) -> dict[Any, Changes]:
    """What has changed in each table."""
    return {model: compare(rows, after[model]) for model, rows in before.items()}


def receive(before: Reading, after: Reading) -> list[Commit]:
    """The receiving side: movements, new customers, balances, hourly totals and received summaries."""
    changes = compare_all(before, after)
    return [
        [*writes, *_counters(changes, HourlyTotal, ReceivedSummary)]
        for _, writes in _ledger_batches(before[Balance], changes)
    ]


def record(before: Reading, after: Reading) -> list[Commit]:
    """Recording: the ledger, one delivery of each movement to each remote, and the number of the last id."""
    changes = compare_all(before, after)
    deliveries = changes[Delivery]
    by_movement: dict[int, list[Row]] = {}
    for row, seq in zip(deliveries.inserted, deliveries.after.values("movement_seq", deliveries.inserted), strict=True):
        by_movement.setdefault(seq, []).append(row)
    commits = []
    for seqs, writes in _ledger_batches(before[Balance], changes):
        rows = [row for seq in seqs for row in by_movement.get(seq, [])]
        last_id = _update(changes[Site], changes[Site].updated)
        commits.append([*writes, _insert(deliveries, rows), last_id, *_counters(changes, HourlyTotal)])
    return commits


def send(before: Reading, after: Reading) -> list[Commit]:
    """The sending side: one commit that claims a batch and one that saves its outcome."""
    changes = compare_all(before, after)
    delivered, attempts = changes[Delivery], changes[Attempt].inserted
    commits: list[Commit] = []
    for number, start in enumerate(range(0, len(delivered.updated), BATCH)):
        attempt = attempts[number : number + 1]
        remote = _update(changes[Remote], changes[Remote].updated)
        claim = [_insert(changes[Attempt], attempt), remote, _update(changes[Site], changes[Site].updated)]
        outcome = [
            _update(delivered, delivered.updated[start : start + BATCH]),
            _update(changes[Attempt], attempt, changes[Attempt].after.columns),
            *_counters(changes, DailyDeliveryTotal),
            remote,
        ]
        commits += [claim, outcome]
    return commits


def _ledger_batches(balances: TableRows, changes: dict[Any, Changes]) -> Iterator[tuple[list[int], Commit]]:
    """For each batch the `seq` of its movements, and the writes: new customers, balances, movements."""
    movements, customers = changes[Movement], changes[Customer]
    new_customers = {row[customers.after.columns.index("id")]: row for row in customers.inserted}
    points = {key: row[balances.columns.index("points")] for key, row in balances.rows.items()}
    for start in range(0, len(movements.inserted), BATCH):
        rows = movements.inserted[start : start + BATCH]
        columns = [movements.after.values(name, rows) for name in ("seq", "customer_id", "reserve_id", "points")]
        joining = [new_customers.pop(each) for each in dict.fromkeys(columns[1]) if each in new_customers]
        changed = _balances(balances.table, points, list(zip(*columns[1:], strict=True)))
        yield columns[0], [_insert(customers, joining), *changed, _insert(movements, rows)]


def _balances(table: str, points: dict[Row, int], differences: list[Row]) -> list[Write]:
    """The writes of the balances that these change: (customer, reserve, points). Updates `points`."""
    new: set[Row] = set()
    changed: dict[Row, None] = {}
    for *key_values, difference in differences:
        key = tuple(key_values)
        if key not in points:
            points[key] = 0
            new.add(key)
        points[key] += difference
        changed[key] = None
    added = [(*key, points[key]) for key in changed if key in new]
    raised = [(points[key], *key) for key in changed if key not in new]
    names = ("customer_id", "reserve_id")
    return [
        Write(Kind.INSERT, table, (*names, "points"), names, added),
        Write(Kind.UPDATE, table, ("points",), names, raised),
    ]


def _counters(changes: dict[Any, Changes], *models: Any) -> list[Write]:
    """Each commit of a batch updates these few rows."""
    return [
        Write(
            Kind.UPSERT,
            changes[model].after.table,
            changes[model].after.columns,
            changes[model].after.key,
            changes[model].inserted + changes[model].updated,
        )
        for model in models
    ]


def _insert(changes: Changes, rows: list[Row]) -> Write:
    return Write(Kind.INSERT, changes.after.table, changes.after.columns, changes.after.key, rows)


def _update(changes: Changes, rows: list[Row], columns: tuple[str, ...] | None = None) -> Write:
    """Set the columns that have changed."""
    key = changes.after.key
    names = tuple(name for name in columns or changes.changed_columns if name not in key)
    indexes = [changes.after.columns.index(name) for name in (*names, *key)]
    return Write(Kind.UPDATE, changes.after.table, names, key, [tuple(row[index] for index in indexes) for row in rows])

"""The rows of a table before and after PointSync has worked, as the bare driver reads them."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.bench.databases import Database

Row = tuple[Any, ...]


@dataclass(frozen=True)
class TableRows:
    """All rows of a table, by their primary key, in its order."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: dict[Row, Row]

    def values(self, column: str, rows: list[Row]) -> list[Any]:
        """The values of one column."""
        index = self.columns.index(column)
        return [row[index] for row in rows]


@dataclass(frozen=True)
class Changes:
    """What has changed in a table. Both lists have whole rows, as they are afterwards."""

    after: TableRows
    inserted: list[Row]
    updated: list[Row]
    changed_columns: tuple[str, ...]
    """The columns in which at least one of the updated rows differs."""


def read(database: Database, model: Any) -> TableRows:
    """Read a table. `model` only says which: its name, columns and primary key."""
    table = model.__table__
    columns, key = (tuple(column.name for column in each) for each in (table.columns, table.primary_key))
    with closing(database.connect()) as connection:
        found = connection.execute(f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {', '.join(key)}")
        indexes = [columns.index(name) for name in key]
        rows = {tuple(row[index] for index in indexes): tuple(row) for row in found}
    return TableRows(table.name, columns, key, rows)


def compare(before: TableRows, after: TableRows) -> Changes:
    """What has changed between two readings of one table."""
    inserted = [row for key, row in after.rows.items() if key not in before.rows]
    updated = [row for key, row in after.rows.items() if before.rows.get(key, row) != row]
    changed: set[str] = set()
    for key, row in after.rows.items():
        old = before.rows.get(key, row)
        if old != row:
            changed |= {name for name, was, now in zip(after.columns, old, row, strict=True) if was != now}
    return Changes(after, inserted, updated, tuple(name for name in after.columns if name in changed))

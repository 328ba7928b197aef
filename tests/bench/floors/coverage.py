"""Whether a floor writes all tables that PointSync writes, so that it does not fall behind the schema."""

from collections.abc import Iterable
from typing import Any

from pointsync.db import Base
from tests.bench.databases import Database

MANY = 100
"""Fewer new rows are not worth a floor: workers, pings, statuses, counters."""


def count_rows(database: Database) -> dict[str, int]:
    """The number of rows of each table."""
    names = [table.name for table in Base.metadata.sorted_tables]
    counts = database.rows(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names))
    return {str(name): int(count) for name, count in counts}


def check(before: dict[str, int], database: Database, models: Iterable[Any]) -> None:
    """That only these tables have many more rows than `before`."""
    written = {model.__tablename__ for model in models}
    more = {name: count - before[name] for name, count in count_rows(database).items() if name not in written}
    missing = {name: count for name, count in more.items() if count > MANY}
    assert not missing, f"PointSync writes rows that the floor does not write: {missing}"

"""Executes prepared commits with the bare driver, and checks that the rows are then those of PointSync."""

from collections.abc import Sequence
from contextlib import closing
from time import perf_counter
from typing import Any

from psycopg.types.json import Json

from tests.bench.databases import POSTGRES, Database
from tests.bench.floors.commits import Commit, Kind, Write
from tests.bench.floors.rows import TableRows, read


def measure(database: Database, commits: Sequence[Commit]) -> float:
    """The seconds of all commits, one after the other, on one connection."""
    full = [[write for write in commit if write.rows and write.columns] for commit in commits]
    with closing(database.connect()) as connection:
        run = _prepare_postgres if database.kind == POSTGRES else _prepare_sqlite
        prepared = [[run(connection, write) for write in commit] for commit in full]
        begin = "BEGIN" if database.kind == POSTGRES else "BEGIN IMMEDIATE"
        began = perf_counter()
        for commit in prepared:
            connection.execute(begin)
            for execute in commit:
                execute()
            connection.execute("COMMIT")
        return perf_counter() - began


def check(database: Database, model: Any, after: TableRows) -> None:
    """That the floor has left the same rows as PointSync."""
    found = read(database, model).rows
    different = sum(found.get(key) != row for key, row in after.rows.items())
    assert len(found) == len(after.rows), f"{after.table}: {len(found)} rows of {len(after.rows)}"
    assert not different, f"{after.table}: {different} rows are different"


def _prepare_sqlite(connection: Any, write: Write) -> Any:
    statement = _statement(write, "?")
    return lambda: connection.executemany(statement, write.rows)


def _prepare_postgres(connection: Any, write: Write) -> Any:
    """The fastest that the driver has: `COPY` for new rows, and one statement with arrays for updates."""
    if write.kind is Kind.INSERT:
        return lambda: _copy(connection, write)
    if write.kind is Kind.UPSERT:
        statement = _statement(write, "%s")
        return lambda: [connection.execute(statement, row) for row in write.rows]
    names = (*write.columns, *write.key)
    types = dict(
        connection.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass",
            (write.table,),
        ).fetchall()
    )
    values = ", ".join(f"%s::{types[name]}[]" for name in names)
    sets = ", ".join(f"{name} = new.{name}" for name in write.columns)
    keys = " AND ".join(f"{write.table}.{name} = new.{name}" for name in write.key)
    statement = f"UPDATE {write.table} SET {sets} FROM unnest({values}) AS new ({', '.join(names)}) WHERE {keys}"
    arrays = [[_adapt(value) for value in column] for column in zip(*write.rows, strict=True)]
    return lambda: connection.execute(statement, arrays)


def _adapt(value: Any) -> Any:
    return Json(value) if isinstance(value, dict) else value


def _copy(connection: Any, write: Write) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {write.table} ({', '.join(write.columns)}) FROM STDIN") as out,
    ):
        for row in write.rows:
            out.write_row(row)


def _statement(write: Write, mark: str) -> str:
    if write.kind is Kind.UPDATE:
        sets = ", ".join(f"{name} = {mark}" for name in write.columns)
        return f"UPDATE {write.table} SET {sets} WHERE {' AND '.join(f'{name} = {mark}' for name in write.key)}"
    marks = ", ".join(mark for _ in write.columns)
    inserted = f"INSERT INTO {write.table} ({', '.join(write.columns)}) VALUES ({marks})"
    if write.kind is Kind.INSERT:
        return inserted
    sets = ", ".join(f"{name} = excluded.{name}" for name in write.columns if name not in write.key)
    return f"{inserted} ON CONFLICT ({', '.join(write.key)}) DO UPDATE SET {sets}"

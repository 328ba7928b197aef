"""Measuring queries: how many, with which plan, and how much work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from pointsync import db

STRIDE = 10

Query = tuple[str, Any]


@contextmanager
def record_queries() -> Iterator[list[Query]]:
    """Collect the statements with their parameters, without BEGIN, PRAGMA and EXPLAIN."""
    found: list[Query] = []

    def collect(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "EXPLAIN")):
            found.append((statement, parameters))

    event.listen(db.get_engine(), "before_cursor_execute", collect)
    try:
        yield found
    finally:
        event.remove(db.get_engine(), "before_cursor_execute", collect)


def queries_of(call: Callable[[Session], Any]) -> list[Query]:
    """The queries of `call`, with a new session."""
    with record_queries() as found, Session(db.get_engine()) as session:
        call(session)
    return found


def query_plan(query: Query) -> list[str]:
    """SQLite's plan of a query, one line per loop."""
    with db.get_engine().connect() as connection:
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1])]


def sqlite_steps(call: Callable[[Session], Any]) -> int:
    """The number of SQLite's virtual machine steps for `call`, divided by 10: the cost of a plan on any computer."""
    tens = 0

    def count() -> int:
        nonlocal tens
        tens += 1
        return 0

    with Session(db.get_engine()) as session:
        call(session)  # so that the preparations of the first run are not counted
        session.expunge_all()
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, STRIDE)
        try:
            call(session)
        finally:
            raw.set_progress_handler(None, STRIDE)
    return tens

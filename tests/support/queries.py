"""What is asked of the database: how many queries, by which plan, and how much work they make."""

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
    """Every statement that is sent to the database within, with its parameters; what begins and ends one left out."""
    found: list[Query] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "EXPLAIN")):
            found.append((statement, parameters))

    event.listen(db.get_engine(), "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.get_engine(), "before_cursor_execute", note)


def queries_of(call: Callable[[Session], Any]) -> list[Query]:
    """What `call` asks, with a session that knows nothing yet."""
    with record_queries() as found, Session(db.get_engine()) as session:
        call(session)
    return found


def query_plan(query: Query) -> list[str]:
    """How SQLite goes about a query, a line for each loop."""
    with db.get_engine().connect() as connection:
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1])]


def sqlite_steps(call: Callable[[Session], Any]) -> int:
    """How many steps of its machine SQLite takes for `call`, in tens: what a plan costs, on any computer."""
    tens = 0

    def count() -> int:
        nonlocal tens
        tens += 1
        return 0

    with Session(db.get_engine()) as session:
        call(session)  # what SQLAlchemy and SQLite learn at the first time is no work of the query
        session.expunge_all()
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, STRIDE)
        try:
            call(session)
        finally:
            raw.set_progress_handler(None, STRIDE)
    return tens

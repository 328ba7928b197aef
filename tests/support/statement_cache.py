"""Statements compiled once for all the databases of a process: SQLAlchemy does it anew for each engine, which takes a
quarter of the time of tests that have an application of their own."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

MOST_STATEMENTS = 5_000


def share_compiled_statements(patch: Callable[[object, str, object], None]) -> None:
    """Give all engines one cache, in which dialects of one kind count as equal; `patch` sets an attribute.

    They are: a run has one SQLite and one version of PostgreSQL, and every engine gets its options from
    `pointsync.db`.
    """
    statements = LRUCache[Any, Any](MOST_STATEMENTS)
    shared = property(lambda _engine: statements, lambda _engine, _own: None)
    patch(Engine, "_compiled_cache", shared)
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch(kind, "__eq__", lambda one, other: type(one) is type(other))
        patch(kind, "__hash__", lambda dialect: hash(type(dialect)))

"""Rewriting the database's files, so that nothing of deleted and changed rows is left in their bytes."""

from time import monotonic
from typing import Any

from sqlalchemy import text

from pointsync import db


def vacuum() -> dict[str, Any]:
    """Rewrite all tables. Others cannot write meanwhile. `{database, seconds}`.

    SQLite: into a new copy of the file, and the write-ahead log is emptied. PostgreSQL: `VACUUM FULL` of each table;
    old values stay in its own log until that is recycled.
    """
    started, engine = monotonic(), db.get_engine()
    db.session.remove()
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        _vacuum_sqlite()
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM FULL"))
            connection.execute(text("CHECKPOINT"))
    return {"database": engine.dialect.name, "seconds": round(monotonic() - started, 2)}


def _vacuum_sqlite() -> None:
    raw = db.get_engine().raw_connection()
    try:
        cursor = raw.cursor()  # without SQLAlchemy's BEGIN
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.close()
    finally:
        raw.close()

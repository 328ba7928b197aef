"""One engine set-up for SQLite and PostgreSQL, and the session for reading, which ends with the request."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from pointsync.db.base import Base
from pointsync.db.fair_lock import FairLock

BUSY_SECONDS = 30
WRITE_LOCK = "pointsync_write_lock"

db = SQLAlchemy(model_class=Base)


def engine_options(database_url: str) -> dict[str, Any]:
    """What `create_engine` is told for this database; its errors end in the log, so they hide what was written."""
    if database_url.startswith("sqlite"):
        return {
            "hide_parameters": True,
            "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False},
            # The one used last comes first: each that is used keeps up to 2 MB of pages.
            "pool_use_lifo": True,
            "pool_size": 64,
            "max_overflow": 64,
        }
    return {
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_size": 20,
        "max_overflow": 40,
        "connect_args": {"connect_timeout": 5, "options": f"-c lock_timeout={BUSY_SECONDS}s -c timezone=UTC"},
    }


def prepare_engine(engine: Engine) -> None:
    """Set SQLite up so that no update is lost and what was committed survives a power cut.

    The driver's own transactions begin late and lose updates, so it is told to leave them alone and
    BEGIN is sent by us: SQLAlchemy's documented recipe for SQLite.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def database_now(session: Session) -> datetime:
    """This moment by the database's clock, which all processes on it share; leases count by it."""
    if session.get_bind().dialect.name == "sqlite":
        words = session.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
        return datetime.fromisoformat(words).replace(tzinfo=UTC)
    moment: datetime = session.scalar(text("SELECT clock_timestamp()"))
    return moment.astimezone(UTC)


def attach(app: Flask) -> None:
    """Bind the database to the application; nothing is opened yet."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    app.extensions[WRITE_LOCK] = FairLock()
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)

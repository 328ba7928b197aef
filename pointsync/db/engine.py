"""The engine for SQLite or PostgreSQL, and the session for reading."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from pointsync.db.base import Base
from pointsync.db.fair_lock import FairLock

LOCK_TIMEOUT_SECONDS = 30
WRITE_LOCK_KEY = "pointsync_write_lock"

extension = SQLAlchemy(model_class=Base)
session = extension.session
"""For reading. It ends with the request or with the application context."""


def engine_options(database_url: str) -> dict[str, Any]:
    """The arguments for `create_engine`. Parameters are hidden in errors, since errors are logged."""
    if database_url.startswith("sqlite"):
        return {
            "hide_parameters": True,
            "connect_args": {"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False},
            # Reuse the last connection first: each connection in use caches up to 2 MB of pages.
            "pool_use_lifo": True,
            "pool_size": 64,
            "max_overflow": 64,
        }
    return {
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_size": 20,
        "max_overflow": 40,
        "connect_args": {"connect_timeout": 5, "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s -c timezone=UTC"},
    }


def configure_engine(engine: Engine) -> None:
    """Configure SQLite so that no update is lost and commits survive a power cut.

    The driver begins transactions too late, so that updates can be lost. So we disable its transactions and send
    BEGIN ourselves, as SQLAlchemy's documentation of the SQLite dialect recommends.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        is_writing = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def get_engine() -> Engine:
    """The current application's engine."""
    return extension.engine


def get_database_time(session: Session) -> datetime:
    """The current time of the database's clock, which all processes share; leases use it."""
    if session.get_bind().dialect.name == "sqlite":
        time_text = session.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
        return datetime.fromisoformat(time_text).replace(tzinfo=UTC)
    time: datetime = session.scalar(text("SELECT clock_timestamp()"))
    return time.astimezone(UTC)


def init_app(app: Flask) -> None:
    """Bind the database to the application, without opening it."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    app.extensions[WRITE_LOCK_KEY] = FairLock()
    extension.init_app(app)
    with app.app_context():
        configure_engine(get_engine())

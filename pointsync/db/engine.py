"""The engine for SQLite or PostgreSQL, and the session for reading."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, Connection, Engine, event, make_url, text
from sqlalchemy.orm import Session

from pointsync.db import commit_signal, file_check, place
from pointsync.db.base import Base
from pointsync.db.committed import EXTENSION_KEY as COMMITTED_KEY
from pointsync.db.committed import Committed
from pointsync.db.fair_lock import FairLock
from pointsync.db.file_check import DatabaseFile

LOCK_TIMEOUT_SECONDS = 30
IDLE_TRANSACTION_SECONDS = 20
"""PostgreSQL ends a transaction whose process does nothing for so long: it is stopped or hangs, and others wait for its
locks. Shorter than `LOCK_TIMEOUT_SECONDS`, so that they get these locks."""
DEAD_PEER_SECONDS = 30
"""How long each end waits before it takes the other one, or the network, for dead."""
CONNECTION_CHECK_VERSION = 140_000
"""The first version of PostgreSQL that notices, while a statement runs, that its client has ended."""
WRITE_LOCK_KEY = "pointsync_write_lock"

_POSTGRES_SETTINGS = {
    "timezone": "UTC",
    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
    # For the server's end. The last one also ends a call whose result a stopped process does not take in.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{DEAD_PEER_SECONDS}s",
}
_POSTGRES_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": DEAD_PEER_SECONDS * 1000,
}
"""For this end; see *Parameter Key Words* in libpq's documentation."""

# Built once, because every claim executes it.
_SQLITE_TIME = text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
_POSTGRES_TIME = text("SELECT clock_timestamp()")

extension = SQLAlchemy(model_class=Base)
session = extension.session
"""For reading. It ends with the request or with the application context."""


def engine_url(path: Path | None, url: str) -> URL | str:
    """The URL of a PostgreSQL database, or of the SQLite file at `path`, where `?` and `%` are part of the name."""
    return url if path is None or make_url(url).database == str(path) else URL.create("sqlite", database=str(path))


def engine_options(file: DatabaseFile | None) -> dict[str, Any]:
    """The arguments for `create_engine`, for an SQLite file or else for PostgreSQL.

    Parameters are hidden in errors, since errors are logged.
    """
    if file:
        return {
            "hide_parameters": True,
            "creator": file.connect,
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
        "connect_args": {
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in _POSTGRES_SETTINGS.items()),
            **_POSTGRES_KEEPALIVES,
        },
    }


def configure_engine(engine: Engine) -> None:
    """Configure the connections of `engine`."""
    place.watch_connections(engine)
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    else:
        _configure_postgres(engine)


def _configure_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        if connection.info.server_version >= CONNECTION_CHECK_VERSION:
            # Otherwise a statement of a killed process would keep its locks until it ends.
            connection.execute("SET client_connection_check_interval = '5s'")
            connection.commit()


def _configure_sqlite(engine: Engine) -> None:
    """Lose no update, and survive a power cut after each commit.

    The driver begins transactions too late, so that updates can be lost. So we disable its transactions and send
    BEGIN ourselves, as SQLAlchemy's documentation of the SQLite dialect recommends.
    """

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


def close_connections() -> None:
    """Close all connections that are not in use, when a process ends. SQLite then moves its log into the file, which is
    complete from then on and can be copied."""
    session.remove()
    get_engine().dispose()


def allow_idle_transaction(connection: Connection) -> None:
    """Let the current transaction wait for this process as long as it takes, for work of minutes. For PostgreSQL."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def get_database_time(session: Session) -> datetime:
    """The current time of the database's clock, which all processes share; leases use it."""
    if session.get_bind().dialect.name == "sqlite":
        time_text = session.connection().execute(_SQLITE_TIME).scalar_one()
        return datetime.fromisoformat(time_text).replace(tzinfo=UTC)
    time: datetime = session.connection().execute(_POSTGRES_TIME).scalar_one()
    return time.astimezone(UTC)


def init_app(app: Flask) -> None:
    """Bind the database to the application, without opening it."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    file = DatabaseFile(Path(str(url.database)), LOCK_TIMEOUT_SECONDS) if url.drivername == "sqlite" else None
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(file)
    app.extensions |= {WRITE_LOCK_KEY: FairLock(), file_check.EXTENSION_KEY: file, COMMITTED_KEY: Committed()}
    app.extensions[commit_signal.EXTENSION_KEY] = commit_signal.CommitSignal()
    extension.init_app(app)
    with app.app_context():
        configure_engine(get_engine())
        if file:
            file.watch(get_engine())

"""The database: one engine set-up for SQLite and PostgreSQL, and the two ways into it.

Reading goes through `db.session`, which ends with the request. Writing goes through `write()`, a
transaction of its own that has the write lock from its first statement; reading begins afresh after it.
"""

import fcntl
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, current_app, g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Dialect, Engine, Integer, MetaData, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from pointsync import clock, sqlite_file
from pointsync.errors import ConfigError
from pointsync.fair_lock import FairLock

BUSY_SECONDS = 30
TRIES = 5
PASSING_WORDS = ("locked", "busy", "full", "disk I/O", "unable to open")
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION = "d15ab1ed5ee0"
"""The last migration: what the database is at where this PointSync has made or upgraded it."""
UPGRADE_LOCK = 7_061_110
WRITE_LOCK = "pointsync_write_lock"
EARLIER = "The database is of an earlier PointSync; run: pointsync upgrade"
NEWER = (
    "The database was written by a newer PointSync (it is at {found}, which this one does not know); start that one, "
    "or restore a backup that was made before."
)
ACTOR = "actor"
"""Where `acts` and a writing session's `info` keep who acts."""

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Row numbers: SQLite counts only a plain INTEGER up by itself.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Every table; constraints are named by convention so that a migration can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which knows no zones, keeps it as text in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


db = SQLAlchemy(model_class=Base)


class Busy(Exception):
    """The database is held by another writer, or away; the same call may succeed in a moment."""


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


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: their name, how they are known here, and the address that they call from."""

    name: str
    how: str
    address: str


class Writing(Session):
    """A session that writes; the audit log listens to it."""


def acts(actor: Actor) -> None:
    """From here on, in this request or command, it is `actor` who changes things."""
    setattr(g, ACTOR, actor)


@contextmanager
def write() -> Iterator[Session]:
    """A transaction that will write: committed at the end of the block, rolled back by any error.

    On SQLite it holds the write lock from the start, so that nothing read in it can be out of date.
    What `db.session` has read is read anew when next asked for: its snapshot would hide what was written.
    Raises Busy when the database is locked or away; what the block did is undone then.
    """
    db.session.rollback()
    engine = db.engine
    lock: FairLock | None = current_app.extensions[WRITE_LOCK] if engine.dialect.name == "sqlite" else None
    if lock and not lock.acquire(BUSY_SECONDS):
        raise Busy("the database is held by another writer")
    try:
        with (
            Writing(
                engine.execution_options(writes=True), expire_on_commit=False, info={ACTOR: g.get(ACTOR)}
            ) as session,
            session.begin(),
        ):
            yield session
    except DBAPIError as error:
        if is_passing(error):
            raise Busy("the database is locked, full or away") from error
        raise
    finally:
        if lock:
            lock.release()
        db.session.rollback()


def is_passing(error: DBAPIError) -> bool:
    """Whether a database error speaks of the moment and not of the statement.

    SQLite calls a missing column by the same name as a locked file, so its words decide there.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    return not isinstance(error.orig, sqlite3.Error) or any(word in str(error.orig) for word in PASSING_WORDS)


def in_write(work: Callable[[Session], Result]) -> Result:
    """What `work` returns, run in a transaction of its own, and run again when another one came first.

    On PostgreSQL two transactions can make the same customer or the same `ref` at once; the unique
    index refuses the later one, which then finds what the first has made.
    """
    for left in reversed(range(TRIES)):
        try:
            with write() as session:
                return work(session)
        except IntegrityError:
            if not left:
                raise
        except Busy as error:
            if not left or not _is_deadlock(error.__cause__):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended this transaction so that another could go on (SQLSTATE 40P01, 40001)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in ("40P01", "40001")


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


def upgrade() -> None:
    """Bring the database to this version, or make it; of processes that start together, one does.

    Of an SQLite database that others have made a copy is kept beside it first. Raises ConfigError where a newer
    PointSync has written it, or where no copy can be made.
    """
    import alembic.command

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with upgrade_lock():
        found = version()
        if found == VERSION:
            return
        if found is not None:
            if not knows(found):
                raise ConfigError(NEWER.format(found=found))
            _keep_copy(found)
        alembic.command.upgrade(migrations(app).get_config(), "head")
        log.info("the database was brought from %s to %s", found or "nothing", VERSION, extra={"schema": VERSION})


def _keep_copy(found: str) -> None:
    """Keep an SQLite database as it is before an upgrade; of PostgreSQL's, its own tools make backups."""
    if db.engine.dialect.name != "sqlite":
        return
    place = Path(str(db.engine.url.database))
    try:
        copy = sqlite_file.keep_copy(place, f"before-upgrade-{found}", clock.now())
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"Before an upgrade a copy of {place} is made beside it, and that failed: {error}. Nothing was upgraded."
        ) from error
    log.info("a copy of the database as it was is kept: %s", copy, extra={"file": str(copy)})


def migrations(app: Flask) -> Any:
    """Flask-Migrate for the application, an extension of it from now on.

    Alembic is loaded here, since hardly a command needs it and all would wait for it.
    """
    from flask_migrate import Migrate

    return Migrate(app, db, str(MIGRATIONS), compare_type=True, render_as_batch=False)


def version() -> str | None:
    """The migration that the database is at; None where it is empty."""
    if not inspect(db.engine).has_table("alembic_version"):
        return None
    with db.engine.connect() as connection:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def is_current() -> bool:
    """Whether the database is at this version."""
    return version() == VERSION


def knows(revision: str) -> bool:
    """Whether this PointSync has that migration; if not, a newer one has."""
    import alembic.util
    from alembic.script import ScriptDirectory

    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False


def unfit() -> str | None:
    """Why this PointSync cannot work with the database of another version; None where it can, or there is none."""
    found = version()
    if found is None or found == VERSION:
        return None
    return EARLIER if knows(found) else NEWER.format(found=found)


@contextmanager
def upgrade_lock() -> Iterator[None]:
    """One upgrade or restore at a time: by a file's lock on SQLite, by an advisory lock on PostgreSQL."""
    engine = db.engine
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.upgrade", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.detach()  # so that it ends here, whatever becomes of the engine's others meanwhile
        connection.execute(text("SELECT pg_advisory_lock(:name)"), {"name": UPGRADE_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:name)"), {"name": UPGRADE_LOCK})
            connection.commit()

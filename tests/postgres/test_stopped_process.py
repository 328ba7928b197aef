"""A process that is stopped inside a transaction: PostgreSQL ends the transaction, and everybody else goes on."""

import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.db.engine import IDLE_TRANSACTION_SECONDS
from tests.support.apps import create_application, open_context
from tests.support.process import HttpAnswer, SiteProcess, wait_until

MAX_WAIT_SECONDS = IDLE_TRANSACTION_SECONDS + 10
IN_TRANSACTION = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    " AND xact_start < now() - interval '0.1 seconds'"
)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Shop:
    """Records movements at one process of a site, in a thread."""

    def __init__(self, site: SiteProcess, key: str) -> None:
        self.site, self.key = site, key
        self.answer: HttpAnswer | None = None

    def start(self, email: str, ref: str) -> threading.Thread:
        """Begin a call; its answer is in `answer` when the thread ends."""
        thread = threading.Thread(target=self.record, args=(email, ref))
        thread.start()
        return thread

    def record(self, email: str, ref: str) -> HttpAnswer:
        """Record one point."""
        body = {"customer": email, "points": 1, "ref": ref}
        self.answer = self.site.api("POST", "/api/v1/movements", body, self.key, timeout_seconds=MAX_WAIT_SECONDS * 2)
        return self.answer


@pytest.mark.slow
def test_it_holds_up_nobody_for_long(tmp_path: Path, postgres_url: str) -> None:
    env = {"POINTSYNC_DATABASE_URL": postgres_url}
    with SiteProcess(tmp_path / "a", env=env) as first, SiteProcess(tmp_path / "a", env=env) as second:
        assert first.process
        key = first.cli("key", "create", "shop")["key"]
        stopped, running = Shop(first, key), Shop(second, key)
        assert stopped.record("anna@shop.example", "1").status == 201
        with psycopg.connect(postgres_url) as watcher, psycopg.connect(postgres_url, autocommit=True) as observer:
            # The call of the first process locks the site's row, and waits here to insert its movement.
            watcher.execute("LOCK TABLE movement IN SHARE MODE")
            call = stopped.start("anna@shop.example", "2")
            wait_until(lambda: observer.execute(WAITING).fetchone() != (0,), 10, "it waits for the table")
            first.process.send_signal(signal.SIGSTOP)
            watcher.rollback()
            wait_until(lambda: observer.execute(IN_TRANSACTION).fetchone() != (0,), 10, "it is idle in its transaction")

            started_at = time.monotonic()
            assert running.record("bob@shop.example", "3").status == 201
            assert time.monotonic() - started_at < MAX_WAIT_SECONDS

            first.process.send_signal(signal.SIGCONT)
            call.join(MAX_WAIT_SECONDS)
        assert stopped.answer
        assert (stopped.answer.status, stopped.answer.body["error"]["code"]) == (503, "busy")
        assert stopped.answer.headers["Retry-After"]
        repeated = stopped.record("anna@shop.example", "2")
        assert (repeated.status, repeated.body["movement"]["balance"]) == (201, 2)
        wait_until(lambda: first.api("GET", "/healthz").status == 200, 30, "it works again")
        assert "was answered with 500" not in first.log_tail()
        assert first.cli("verify")["ok"]


def test_long_work_is_not_cut(tmp_path: Path, postgres_url: str) -> None:
    """An upgrade, a restore and a change of the secret key hold their lock as long as they need."""
    timeout = "SELECT current_setting('idle_in_transaction_session_timeout')"
    with (
        open_context(create_application(postgres_url, tmp_path)),
        psycopg.connect(postgres_url, autocommit=True) as other,
    ):
        with db.upgrade_lock():
            # Other tests lock in databases of their own on the same server.
            here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            locks = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND {here}"
            [[held]] = other.execute(locks).fetchall()
            assert held == 1
        with db.get_engine().connect() as connection:
            assert connection.exec_driver_sql(timeout).scalar() == f"{IDLE_TRANSACTION_SECONDS}s"
            db.allow_idle_transaction(connection)
            assert connection.exec_driver_sql(timeout).scalar() == "0"
            connection.rollback()
            assert connection.exec_driver_sql(timeout).scalar() == f"{IDLE_TRANSACTION_SECONDS}s"


def test_both_ends_notice_a_dead_network(tmp_path: Path, postgres_url: str) -> None:
    with open_context(create_application(postgres_url, tmp_path)), db.get_engine().connect() as connection:
        names = ("tcp_keepalives_idle", "tcp_user_timeout", "client_connection_check_interval", "lock_timeout")
        values = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        assert values == {
            "tcp_keepalives_idle": "15",
            "tcp_user_timeout": "30000",
            "client_connection_check_interval": "5s",
            "lock_timeout": "30s",
        }
        parameters = connection.connection.driver_connection.info.get_parameters()
        assert {parameters[name] for name in ("keepalives_idle", "tcp_user_timeout")} == {"15", "30000"}


END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_a_transaction_that_was_ended_is_busy_and_the_next_one_works(tmp_path: Path, postgres_url: str) -> None:
    with (
        open_context(create_application(postgres_url, tmp_path)),
        psycopg.connect(postgres_url, autocommit=True) as other,
    ):

        def be_ended(session: Session) -> None:
            session.execute(text("SELECT 1"))
            other.execute(END_OTHERS)
            session.execute(text("SELECT 1"))

        with pytest.raises(db.DatabaseBusy):
            db.run_in_transaction(be_ended)
        assert db.run_in_transaction(lambda session: session.scalar(text("SELECT 2"))) == 2


def test_a_reading_transaction_that_was_ended_keeps_nobody_from_writing(tmp_path: Path, postgres_url: str) -> None:
    with (
        open_context(create_application(postgres_url, tmp_path)),
        psycopg.connect(postgres_url, autocommit=True) as other,
    ):
        assert db.session.scalar(text("SELECT 1")) == 1
        other.execute(END_OTHERS)
        assert db.run_in_transaction(lambda session: session.scalar(text("SELECT 2"))) == 2
        assert db.session.scalar(text("SELECT 3")) == 3

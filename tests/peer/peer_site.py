"""A whole PointSync site in this process: its database in a folder, its server on a loopback port."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import waitress
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from waitress import wasyncore

from pointsync import clock, config, create_app, db, leases, startup
from pointsync.db import committed, run_lock
from pointsync.ledger import reserves
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Delivery, Movement, Origin, Remote, Reserve, Setting
from pointsync.runtime import get_runtime
from pointsync.schedule import remote_ticks
from pointsync.sync.delivery.claim import list_due
from pointsync.sync.delivery.deliver import deliver
from pointsync.sync.protocol.ping import PingResult
from pointsync.sync.remotes import blocked_origins, check, remote_json, remotes, sharing_key
from pointsync.sync.repair import changes as change_repair
from pointsync.sync.repair import comparisons, walk
from pointsync.sync.site import installation, local_site, settings
from pointsync.sync.site.local_site import Identity
from tests.support import new_tables
from tests.support.process import free_port

DELIVER_TIMEOUT_SECONDS = 10
"""Sending takes milliseconds in these tests; a courier that takes this long never ends."""

T = TypeVar("T")
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PeerSite:
    """The site. It listens inside `with` and is down outside it.

    `interceptor`, if set, gets each request and the application: it answers itself, as a proxy would,
    or lets the application answer.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_PUBLIC_URL": self.url, "POINTSYNC_SITE_NAME": name}
        self.app = create_app(config.load(environ, folder))
        self.interceptor: Callable[[dict[str, Any], Any, Wsgi], Iterable[bytes]] | None = None
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request over the network, oldest first."""
        with self.app.app_context():
            # No power fails in a test, and waiting for the disk would take most of the time.
            event.listen(db.get_engine(), "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
            shutil.copy(new_tables.sqlite_file(), folder / "pointsync.db")
            db.run_in_transaction(lambda session: local_site.get_or_create(session, get_runtime().vault, clock.now()))
            # The tests call the jobs themselves; a status says whether a worker runs.
            db.run_in_transaction(lambda session: leases.record_heartbeat(session, get_runtime().worker_id))

    def __enter__(self) -> "PeerSite":
        self._server = waitress.create_server(self._answer, host="127.0.0.1", port=self.port, threads=4)
        self._thread = threading.Thread(target=self._server.run, name=f"peer-{self.name}")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Let running calls finish first; then close everything inside the server's loop, which ends it.
        self._server.task_dispatcher.shutdown(timeout=DELIVER_TIMEOUT_SECONDS)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map, ignore_all=True))
        self._thread.join(DELIVER_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Verify its balances and release its connections."""
        with self.app.app_context():
            get_runtime().client.close()
            assert find_balance_differences(db.session()) == [], "a balance is not the sum of its movements"
            db.session.remove()
            db.get_engine().dispose()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {name[5:].lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], headers))
        if self.interceptor:
            return self.interceptor(environ, start_response, self.app.wsgi_app)
        return self.app.wsgi_app(environ, start_response)

    # Its database.

    def read(self, query: Callable[[Session], T]) -> T:
        """Run `query` in a session and return its result."""
        with self.app.app_context(), Session(db.get_engine(), expire_on_commit=False) as session:
            return query(session)

    def write(self, change: Callable[[Session], T]) -> T:
        """Run `change` in a transaction and return its result."""
        with self.app.app_context():
            return db.run_in_transaction(change)

    @property
    def identity(self) -> Identity:
        """Its identity, with decrypted secrets."""
        with self.app.app_context():
            state = get_runtime()
            return self.read(lambda session: local_site.load_identity(session, state.vault, state.config, clock.now()))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, without when and how origins last called, and without refused callers."""
        with closing(sqlite3.connect(self.folder / "pointsync.db")) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            names.remove("turned_away")
            of_origin = "auth, public_key, is_key_proven, offered_key, key_refused_at, first_seen_at, blocked_at"
            columns = dict.fromkeys(names, "*") | {"origin": of_origin}
            return {name: connection.execute(f"SELECT {columns[name]} FROM {name}").fetchall() for name in names}

    def backup(self, file: Path) -> None:
        """A consistent copy of its SQLite database."""
        _copy(self.folder / "pointsync.db", file)

    def restore(self, file: Path) -> None:
        """Put a copy back in place of the database, while no process runs."""
        with self.app.app_context():
            db.get_engine().dispose()
            self._forget_process()
        _copy(file, self.folder / "pointsync.db")

    # Its starts, and what is said about its database.

    def begin_run(self) -> None:
        """Start as the only serving process does, unless sending is stopped: a new run begins."""
        with self.app.app_context():
            self._forget_process()
            startup.join_run()

    def _forget_process(self) -> None:
        """What a process knows ends with it."""
        self.app.extensions[committed.EXTENSION_KEY] = committed.Committed()
        run_lock.release()

    def confirm(self, choice: str) -> None:
        """Say as an admin what the database is."""
        state = get_runtime(self.app)
        self.write(lambda session: installation.confirm(session, state.vault, state.config, choice, clock.now()))

    def block(self, auth: str) -> None:
        """Block another site."""
        self.write(lambda session: blocked_origins.block(session, auth, "A reason", "admin", clock.now()))

    # What its shop and its admin do.

    def change_setting(self, name: str, value: str) -> None:
        """Change a setting."""
        self.write(lambda session: session.merge(Setting(name=name, value=str(settings.DEFINITIONS[name].default))))
        self.write(lambda session: settings.change(session, name, value))

    def add_reserve(self, key: str, name: str) -> None:
        self.write(lambda session: reserves.create(session, key, name, clock.now()))

    def record(self, customer: str, points: int | None = None, **fields: Any) -> str:
        """Record a movement and return its id."""
        return self.record_all([Draft(customer, points, **fields)])[0]

    def record_all(self, drafts: list[Draft]) -> list[str]:
        """Record at most 1,000 movements and return their ids."""
        recorded = self.write(lambda session: record(session, drafts, "test", clock.now()))
        return [each.movement.id for each in recorded]

    def balance(self, customer: str, reserve: str = "default") -> int | None:
        """A customer's points; None if there is no such balance."""
        query = select(Balance.points).join(Customer, Customer.id == Balance.customer_id)
        query = query.join(Reserve, Reserve.id == Balance.reserve_id)
        return self.read(
            lambda session: session.scalar(query.where(Customer.email == customer, Reserve.key == reserve))
        )

    def balances(self) -> dict[str, int]:
        """Every customer's points in `default`, without balances of 0."""
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        return self.read(lambda session: {email: points for email, points in session.execute(query) if points})

    def movements(self, origin: str | None = None) -> list[Movement]:
        """Its movements, oldest first."""
        query = select(Movement).order_by(Movement.seq)
        if origin:
            query = query.where(Movement.origin == origin)
        return self.read(lambda session: list(session.scalars(query)))

    def origin(self, auth: str) -> Origin | None:
        return self.read(lambda session: session.get(Origin, auth))

    # Its remotes.

    def add_remote(
        self, url: str, auth: str, password: str, target_reserve: str = "default", **fields: str | None
    ) -> tuple[int, PingResult]:
        """Add a remote as the panel and the command do: it is saved whatever the ping finds."""
        remote_input = sharing_key.parse(
            sharing_key=None,
            url=url,
            auth=auth,
            password=password,
            target_reserve=target_reserve,
            observed_reserve=fields.get("observed_reserve") or "default",
            query_template=fields.get("query_template"),
        )

        def add(session: Session) -> int:
            return remotes.add(session, get_runtime().vault, remote_input, clock.now(), with_backfill=False).id

        remote_id = self.write(add)
        return remote_id, self.check(remote_id)

    def list_site(self, other: "PeerSite", target_reserve: str = "default") -> tuple[int, PingResult]:
        """Add a remote for another PointSync site."""
        return self.add_remote(other.url, other.identity.auth, other.identity.passes[0], target_reserve)

    def check(self, remote_id: int) -> PingResult:
        with self.app.app_context():
            result = check.check_remote(remote_id)
        self._compare()
        return result

    def compare(self, remote_id: int) -> None:
        """Compare all movements with a remote now."""
        with self.app.app_context():
            walk.compare_all(remote_id)

    def change_remote(self, remote_id: int, **fields: str) -> int:
        """Change what an admin has entered, and return the id of the remote afterwards."""

        def change(session: Session) -> int:
            remote, vault = remotes.get(session, remote_id), get_runtime().vault
            current = {
                "sharing_key": None,
                "url": remote.url,
                "auth": remote.auth,
                "password": vault.decrypt(remote.sealed_pass),
                "target_reserve": remote.target,
                "observed_reserve": remote.reserve.key,
                "query_template": remote.query_template,
            }
            remote_input = sharing_key.parse(**(current | fields))
            return remotes.change(session, vault, remote, remote_input, remote.version, clock.now()).id

        changed_id = self.write(change)
        self.check(changed_id)
        return changed_id

    def _compare(self) -> bool:
        """Do what the job does for remotes that do not hold what they should; return whether there were any."""
        with self.app.app_context():
            is_due = bool(
                comparisons.list_due(db.session(), clock.now()) or change_repair.list_due(db.session(), clock.now())
            )
            db.session.remove()
            if is_due:
                remote_ticks.compare_remotes()
                remote_ticks.compare_changes()
        return is_due

    def deliver(self, remote_id: int) -> None:
        """Send everything that is due; fail if the courier does not finish."""
        stopping = threading.Event()
        timer = threading.Timer(DELIVER_TIMEOUT_SECONDS, stopping.set)
        timer.start()
        try:
            with self.app.app_context():
                deliver(remote_id, stopping)
        finally:
            timer.cancel()
            timer.join()
        assert not stopping.is_set(), f"the courier was still running after {DELIVER_TIMEOUT_SECONDS} s"
        if self._compare():
            self.deliver(remote_id)

    def is_due(self, remote_id: int) -> bool:
        """Whether a courier would be started now."""
        return remote_id in self.read(lambda session: list_due(session, clock.now()))

    def retry(self, remote_id: int) -> None:
        """*Retry now*."""
        self.write(lambda session: remotes.retry(session, remotes.get(session, remote_id), clock.now()))

    def remote(self, remote_id: int) -> Remote:
        return self.read(lambda session: session.get_one(Remote, remote_id))

    def remote_json(self, remote_id: int) -> dict[str, Any]:
        """The remote as commands and the API answer it."""
        return self.read(
            lambda session: msgspec.to_builtins(remote_json.of(session, session.get_one(Remote, remote_id)))
        )

    def delivery(self, movement_id: str) -> Delivery:
        """The one delivery of a movement."""
        query = select(Delivery).join(Movement, Movement.seq == Delivery.movement_seq)
        return self.read(lambda session: session.scalars(query.where(Movement.id == movement_id)).one())

    def delivery_states(self, remote_id: int) -> list[str]:
        """The states of all deliveries of a remote, oldest first."""
        query = select(Delivery.state).where(Delivery.remote_id == remote_id).order_by(Delivery.id)
        return self.read(lambda session: [str(state) for state in session.scalars(query)])

    def undelivered_ids(self) -> list[str]:
        """The ids of movements that are not delivered, oldest first."""
        query = select(Movement.id).join(Delivery, Delivery.movement_seq == Movement.seq).order_by(Delivery.id)
        return self.read(lambda session: list(session.scalars(query.where(Delivery.state != "delivered"))))


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as source_connection, closing(sqlite3.connect(target)) as target_connection:
        source_connection.backup(target_connection)

"""A whole PointSync site in this process: its database in a folder, its server on a loopback port."""

import functools
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import waitress
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from waitress import wasyncore

from pointsync import clock, config, create_app, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences
from pointsync.models import Balance, Customer, Delivery, Movement, Origin, Remote, Reserve, Setting
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.delivery import courier
from pointsync.sync.protocol.ping import Verdict
from pointsync.sync.remotes import check, queue, remotes, restore_detection, sharing_key
from pointsync.sync.site import local_site, settings
from pointsync.sync.site.local_site import Identity
from tests.support.process import free_port

DELIVER_SECONDS = 10
"""A run of deliveries in these tests takes milliseconds; one that goes on so long goes round in circles."""

T = TypeVar("T")
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PeerSite:
    """The site; it listens inside `with`, and is down outside it, as sites sometimes are.

    `front`, where it is set, stands before the application as a proxy or a fault would: it gets the
    request and the application, and answers in its place or lets it answer.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        told = {"POINTSYNC_DATA": str(folder), "POINTSYNC_PUBLIC_URL": self.url, "POINTSYNC_SITE_NAME": name}
        self.app = create_app(config.load(told, folder))
        self.front: Callable[[dict[str, Any], Any, Wsgi], Iterable[bytes]] | None = None
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of all that arrived over the network, oldest first."""
        with self.app.app_context():
            # No power is cut here, and waiting for disks would be most of the time.
            event.listen(db.db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
            (folder / "pointsync.db").write_bytes(_empty_database())
            db.in_write(lambda session: local_site.ensure(session, runtime().vault, clock.now()))

    def __enter__(self) -> "PeerSite":
        self._server = waitress.create_server(self._answer, host="127.0.0.1", port=self.port, threads=4)
        self._thread = threading.Thread(target=self._server.run, name=f"peer-{self.name}")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # First the calls under way; then all is closed from within its own loop, which ends with that.
        self._server.task_dispatcher.shutdown(timeout=DELIVER_SECONDS)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map, ignore_all=True))
        self._thread.join(DELIVER_SECONDS)

    def end(self) -> None:
        """Let go of all that it holds, after a look at its books."""
        with self.app.app_context():
            runtime().client.close()
            assert differences(db.db.session()) == [], "a balance is not the sum of its movements"
            db.db.session.remove()
            db.db.engine.dispose()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {name[5:].lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], headers))
        if self.front:
            return self.front(environ, start_response, self.app.wsgi_app)
        return self.app.wsgi_app(environ, start_response)

    # Its database.

    def read(self, work: Callable[[Session], T]) -> T:
        """What `work` finds in the database."""
        with self.app.app_context(), Session(db.db.engine, expire_on_commit=False) as session:
            return work(session)

    def write(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, committed."""
        with self.app.app_context():
            return db.in_write(work)

    @property
    def identity(self) -> Identity:
        """Who it is, secrets opened."""
        with self.app.app_context():
            here = runtime()
            return self.read(lambda session: local_site.identity(session, here.vault, here.config, clock.now()))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but for when an origin was last seen, with which Pass, and who was turned away."""
        with closing(sqlite3.connect(self.folder / "pointsync.db")) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            names.remove("turned_away")
            of_origin = "auth, public_key, offered_key, key_refused_at, first_seen_at, blocked_at, blocked_reason"
            columns = dict.fromkeys(names, "*") | {"origin": of_origin}
            return {name: connection.execute(f"SELECT {columns[name]} FROM {name}").fetchall() for name in names}

    def backup(self, file: Path) -> None:
        """A consistent copy of its SQLite database."""
        _copy(self.folder / "pointsync.db", file)

    def restore(self, file: Path) -> None:
        """Put a copy back in place of the database."""
        with self.app.app_context():
            db.db.engine.dispose()
        _copy(file, self.folder / "pointsync.db")

    # What its shop and its admin do.

    def set(self, name: str, value: str) -> None:
        """Change a setting."""
        self.write(lambda session: session.merge(Setting(name=name, value=str(settings.KINDS[name].default))))
        self.write(lambda session: settings.change(session, name, value))

    def add_reserve(self, key: str, name: str) -> None:
        self.write(lambda session: reserves.add(session, key, name, clock.now()))

    def record(self, customer: str, points: int | None = None, **more: Any) -> str:
        """Record one movement; its id."""
        return self.record_all([Draft(customer, points, **more)])[0]

    def record_all(self, drafts: list[Draft]) -> list[str]:
        """Record movements, at most 1,000; their ids."""
        made = self.write(lambda session: record(session, drafts, "test", clock.now()))
        return [each.movement.id for each in made]

    def balance(self, customer: str, reserve: str = "default") -> int | None:
        """A customer's points; None where there is no such balance."""
        query = select(Balance.points).join(Customer, Customer.id == Balance.customer_id)
        query = query.join(Reserve, Reserve.id == Balance.reserve_id)
        return self.read(
            lambda session: session.scalar(query.where(Customer.email == customer, Reserve.key == reserve))
        )

    def balances(self) -> dict[str, int]:
        """Every customer's points in `default`, those at 0 left out."""
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        return self.read(lambda session: {email: points for email, points in session.execute(query) if points})

    def movements(self, origin: str | None = None) -> list[Movement]:
        """What it holds, oldest first."""
        query = select(Movement).order_by(Movement.seq)
        if origin:
            query = query.where(Movement.origin == origin)
        return self.read(lambda session: list(session.scalars(query)))

    def origin(self, auth: str) -> Origin | None:
        return self.read(lambda session: session.get(Origin, auth))

    # Its remotes.

    def add_remote(
        self, url: str, auth: str, password: str, target: str = "default", **more: str | None
    ) -> tuple[int, Verdict]:
        """A line as the panel and the command add it: saved whatever the ping finds."""
        typed = sharing_key.read(
            sharing_key=None,
            url=url,
            auth=auth,
            password=password,
            target=target,
            observed=more.get("observed") or "default",
            template=more.get("template"),
        )

        def add(session: Session) -> int:
            return remotes.add(session, runtime().vault, typed, clock.now(), with_history=False).id

        remote_id = self.write(add)
        return remote_id, self.check(remote_id)

    def list_site(self, other: "PeerSite", target: str = "default") -> tuple[int, Verdict]:
        """A line for another PointSync site."""
        return self.add_remote(other.url, other.identity.auth, other.identity.passes[0], target)

    def check(self, remote_id: int) -> Verdict:
        with self.app.app_context():
            verdict = check.check(remote_id)
        self._owe_again()
        return verdict

    def _owe_again(self) -> bool:
        """What the job does for a remote that was found restored; whether there was anything to do."""
        with self.app.app_context():
            found = bool(restore_detection.under_way(db.db.session()))
            db.db.session.remove()
            ticks.send_history()
        return found

    def deliver(self, remote_id: int) -> None:
        """Send what is due, and be done with it: a courier that never comes home is a fault."""
        stopping = threading.Event()
        timer = threading.Timer(DELIVER_SECONDS, stopping.set)
        timer.start()
        try:
            with self.app.app_context():
                courier.deliver(remote_id, stopping)
        finally:
            timer.cancel()
            timer.join()
        assert not stopping.is_set(), f"the courier was still on its way after {DELIVER_SECONDS} s"
        if self._owe_again():
            self.deliver(remote_id)

    def is_due(self, remote_id: int) -> bool:
        """Whether a courier would be sent out now."""
        return remote_id in self.read(lambda session: courier.due(session, clock.now()))

    def retry(self, remote_id: int) -> None:
        """*Retry now*."""
        self.write(lambda session: remotes.retry(session, remotes.get(session, remote_id), clock.now()))

    def remote(self, remote_id: int) -> Remote:
        return self.read(lambda session: session.get_one(Remote, remote_id))

    def shape(self, remote_id: int) -> dict[str, Any]:
        """The line as commands and the API show it."""
        return self.read(lambda session: queue.shape(session, session.get_one(Remote, remote_id)))

    def delivery(self, movement_id: str) -> Delivery:
        """The one delivery of a movement."""
        query = select(Delivery).join(Movement, Movement.seq == Delivery.movement_seq)
        return self.read(lambda session: session.scalars(query.where(Movement.id == movement_id)).one())

    def states(self, remote_id: int) -> list[str]:
        """The states of all deliveries of a line, oldest first."""
        query = select(Delivery.state).where(Delivery.remote_id == remote_id).order_by(Delivery.id)
        return self.read(lambda session: [str(state) for state in session.scalars(query)])

    def undelivered(self) -> list[str]:
        """The ids of the movements that wait to be delivered, oldest first."""
        query = select(Movement.id).join(Delivery, Delivery.movement_seq == Movement.seq).order_by(Delivery.id)
        return self.read(lambda session: list(session.scalars(query.where(Delivery.state != "delivered"))))


@functools.cache
def _empty_database() -> bytes:
    """A database as the migrations make it, which takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load({"POINTSYNC_DATA": folder}, Path(folder)))
        with app.app_context():
            db.upgrade()
            db.db.engine.dispose()
        return (Path(folder) / "pointsync.db").read_bytes()


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)

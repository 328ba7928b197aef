"""Couriers: a thread per remote that has something due, so that a slow one holds up no other.

The database decides who may call whom; what stands here only keeps one process from starting a second
courier for the same remote, and wakes them.
"""

import logging
import threading
from enum import Enum

from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import Busy, db, in_write
from pointsync.models import Remote
from pointsync.runtime import runtime
from pointsync.sync.delivery.batch import Batch, Failed, Outcome, Sent
from pointsync.sync.delivery.claim import claim, due, hold, release
from pointsync.sync.delivery.outcome import settle
from pointsync.sync.delivery.send import send
from pointsync.sync.remotes.check import check, restate
from pointsync.sync.site import local_site, settings

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 7
"""How long the end of the process waits for calls in flight; what they carried is sent again later."""


class Couriers:
    """All couriers of this process, and the doorman that starts them when he is woken."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._out: dict[int, threading.Thread] = {}
        self._again: set[int] = set()
        self._doorman = threading.Thread(target=self._open_doors, name="doorman", daemon=True)

    def start(self) -> None:
        """Begin to look for what is due."""
        self._doorman.start()

    def wake(self) -> None:
        """Look for what is due at once; cheap, and safe from any thread."""
        self._bell.set()

    def stop(self) -> None:
        """End in an orderly way: no new call, and calls in flight are waited for, then cut."""
        self._stopping.set()
        self._bell.set()
        self._doorman.join(PATIENCE_SECONDS)
        with self._guard:
            out = list(self._out.values())
        deadline = threading.Event()
        timer = threading.Timer(PATIENCE_SECONDS, deadline.set)
        timer.daemon = True
        timer.start()
        for thread in out:
            while thread.is_alive() and not deadline.is_set():
                thread.join(0.05)
        timer.cancel()
        with self._app.app_context():
            runtime().client.close()
        for thread in out:
            thread.join(1)

    def _open_doors(self) -> None:
        while not self._stopping.is_set():
            self._bell.wait()
            self._bell.clear()
            try:
                with self._app.app_context():
                    remote_ids = due(db.session(), clock.now())
                for remote_id in remote_ids:
                    self._send_out(remote_id)
            except Exception:
                # The bell rings again within a second; neither a database that is away nor a thread that
                # cannot be started must end the doorman.
                log.exception("looking for what is due failed")

    def _send_out(self, remote_id: int) -> None:
        with self._guard:
            if self._stopping.is_set():
                return
            if remote_id in self._out:
                self._again.add(remote_id)
                return
            thread = threading.Thread(target=self._serve, args=(remote_id,), name=f"courier-{remote_id}", daemon=True)
            thread.start()
            self._out[remote_id] = thread

    def _serve(self, remote_id: int) -> None:
        while True:
            try:
                with self._app.app_context():
                    deliver(remote_id, self._stopping)
            except Exception:
                log.exception("delivering to remote %s failed", remote_id)
            with self._guard:
                if remote_id in self._again and not self._stopping.is_set():
                    self._again.discard(remote_id)
                    continue
                del self._out[remote_id]
                return


def deliver(remote_id: int, stopping: threading.Event) -> None:
    """Send a remote what it is owed, batch after batch, until nothing is due or the process ends."""
    settled: tuple[Batch, Outcome] | None = None
    was_probed = False
    while True:
        step = _turn(remote_id, settled, stopping, may_probe=not was_probed)
        settled = None
        if isinstance(step, Batch):
            outcome = _call(step)
            # A call that the end of this process has cut says nothing of the remote.
            if isinstance(outcome, Sent) or not stopping.is_set():
                settled = (step, outcome)
        elif step is Probe.DUE:
            was_probed = True
            check(remote_id)
        else:
            return


class Probe(Enum):
    """In place of a batch: a ping is due."""

    DUE = "due"


def _turn(
    remote_id: int, settled: tuple[Batch, Outcome] | None, stopping: threading.Event, may_probe: bool
) -> Batch | Probe | None:
    """Settle the last call and claim for the next, in one transaction; None where nothing is due.

    What a call has brought must not be lost to a busy database: it is tried again, with growing pauses,
    until it is written, or the process ends; then the same is sent again later.
    """
    pause_seconds = 0.1
    while True:
        goes_on = not stopping.is_set()
        try:
            return in_write(lambda session: _turned(session, remote_id, settled, goes_on, may_probe))  # noqa: B023
        except Busy:
            if settled is None or not goes_on:
                raise
            log.warning("remote %s: the database is busy; what its call brought is written again", remote_id)
            stopping.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)


def _turned(
    session: Session, remote_id: int, settled: tuple[Batch, Outcome] | None, goes_on: bool, may_probe: bool
) -> Batch | Probe | None:
    here, now = runtime(), clock.now()
    known = settings.read(session)
    if settled:
        settle(session, *settled, here.worker_id, known, now)
    step: Batch | Probe | None = None
    held = hold(session, remote_id, here.worker_id, now) if goes_on else None
    if held:
        if not held.is_probing and held.dialect:
            step = claim(session, held, here.vault, known, now)
        if may_probe and (held.is_probing or held.dialect is None):
            step = Probe.DUE
    remote = session.get_one(Remote, remote_id)
    if step is None:
        release(remote, here.worker_id)
    if settled and (step is None or isinstance(settled[1], Failed)):
        # The list never shows a status older than the last attempt.
        restate(session, remote, known, now)
    return step


def _call(batch: Batch) -> Outcome:
    """Make the batch's call, outside any transaction."""
    here, now = runtime(), clock.now()
    identity = local_site.identity(db.session(), here.vault, here.config, now)
    db.session.remove()
    try:
        return send(here.client, identity, batch, now)
    except Exception as error:
        # A fault of our own must not look like the other side's silence for ever: it is an attempt that failed.
        log.exception("remote %s: the call failed in an unforeseen way", batch.remote_id)
        return Failed("bad_answer", f"The call failed here in an unforeseen way ({type(error).__name__}).")

"""Couriers: one thread per remote that has something due, so that a slow remote does not delay others.

The database decides which worker may call a remote. This module only prevents a second courier for the same
remote in one process, and wakes the dispatcher.
"""

import logging
import threading
from time import monotonic

from flask import Flask

from pointsync import clock, db
from pointsync.db import DatabaseBusy
from pointsync.runtime import get_runtime
from pointsync.sync.delivery.claim import list_due
from pointsync.sync.delivery.deliver import deliver

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 7
"""How long a stopping process waits for running calls. Movements of aborted calls are sent again later."""


class Couriers:
    """All couriers of this process, and the dispatcher that starts one for each remote that has something due."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._wake_event = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}
        self._rerun_ids: set[int] = set()
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Start the dispatcher."""
        self._dispatcher.start()

    def wake(self) -> None:
        """Let the dispatcher look for due remotes now; cheap, and safe from any thread."""
        self._wake_event.set()

    def stop(self) -> None:
        """Start no new call, wait for running calls, and then abort them."""
        self._stopping.set()
        self._wake_event.set()
        self._dispatcher.join(SHUTDOWN_SECONDS)
        with self._lock:
            threads = list(self._threads.values())
        deadline = monotonic() + SHUTDOWN_SECONDS
        for thread in threads:
            thread.join(max(deadline - monotonic(), 0))
        with self._app.app_context():
            get_runtime().client.close()
        for thread in threads:
            thread.join(1)

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._wake_event.wait()
            self._wake_event.clear()
            try:
                with self._app.app_context():
                    remote_ids = list_due(db.session(), clock.now())
                for remote_id in remote_ids:
                    self._start_courier(remote_id)
            except Exception:
                # The dispatcher wakes again within a second; neither an unreachable database nor a thread that
                # cannot be started may end it.
                log.exception("looking for due remotes failed")

    def _start_courier(self, remote_id: int) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            if remote_id in self._threads:
                self._rerun_ids.add(remote_id)
                return
            thread = threading.Thread(
                target=self._run_courier, args=(remote_id,), name=f"courier-{remote_id}", daemon=True
            )
            thread.start()
            self._threads[remote_id] = thread

    def _run_courier(self, remote_id: int) -> None:
        while True:
            try:
                with self._app.app_context():
                    deliver(remote_id, self._stopping)
            except DatabaseBusy as error:
                log.warning("delivering to remote %s is retried: %s", remote_id, error)
            except Exception:
                log.exception("delivering to remote %s failed", remote_id)
            with self._lock:
                if remote_id in self._rerun_ids and not self._stopping.is_set():
                    self._rerun_ids.discard(remote_id)
                    continue
                del self._threads[remote_id]
                return

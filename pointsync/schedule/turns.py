"""Jobs that call remotes: each remote in a thread of its own, so that a slow one delays no other.

A job waits a moment for its threads. What takes longer goes on by itself, and the job's next ticks take the others.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic

from flask import Flask, current_app

from pointsync import db
from pointsync.db import DatabaseBusy
from pointsync.runtime import get_runtime

log = logging.getLogger(__name__)

MAX_THREADS = 64
"""At once for each kind of job. The next tick takes more."""
WAIT_SECONDS = 1


def take_turns(
    name: str, remote_ids: Iterable[int], act: Callable[[int], None], *, wait_seconds: float | None = None
) -> None:
    """Call `act` with each remote's id, unless the job `name` is still busy with that remote; wait for a moment.

    `wait_seconds` is how long; by default `WAIT_SECONDS`. Jobs for webhooks pass the ids of these.
    """
    app, threads = current_app._get_current_object(), get_runtime().job_threads  # type: ignore[attr-defined]
    started = []
    for remote_id in remote_ids:
        if sum(job == name for job, _ in list(threads)) >= MAX_THREADS:
            break
        if (name, remote_id) not in threads:
            run = partial(_run, app, name, remote_id, act)
            thread = threading.Thread(target=run, name=f"{name}-{remote_id}", daemon=True)
            threads[name, remote_id] = thread
            try:
                thread.start()
            except RuntimeError:  # no thread can be started now; the next tick tries again
                del threads[name, remote_id]
                raise
            started.append(thread)
    deadline = monotonic() + (WAIT_SECONDS if wait_seconds is None else wait_seconds)
    for thread in started:
        thread.join(max(deadline - monotonic(), 0))


def _run(app: Flask, name: str, remote_id: int, act: Callable[[int], None]) -> None:
    with app.app_context():
        try:
            act(remote_id)
        except DatabaseBusy:
            log.warning("%s: the database is busy; remote %s is tried again at the next tick", name, remote_id)
        except Exception:
            log.exception("%s failed with remote %s; it is tried again at the next tick", name, remote_id)
        finally:
            db.session.remove()
            del get_runtime().job_threads[name, remote_id]

"""The scheduler: how often each job runs. Only this file uses APScheduler."""

import logging
from collections.abc import Callable
from datetime import UTC

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from pointsync import db, leases
from pointsync.db import DatabaseBusy, run_in_transaction
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.delivery.courier import Couriers

log = logging.getLogger(__name__)

#: Each job and its interval in seconds. New movements of this process wake the couriers at once, without a job.
SCHEDULE: tuple[tuple[Callable[[], None], float], ...] = (
    (ticks.wake_couriers, 0.5),
    (ticks.heartbeat, 2),
    (ticks.enqueue_backfills, 1),
    (ticks.refresh_statuses, 5),
    (ticks.check_remotes, 5),
    (ticks.expire_points, 60),
    (ticks.unlock_levels, 2),
    (ticks.send_mails, 1),
    (ticks.queue_expiry_notices, 60),
    (ticks.run_tasks, 1),
    (ticks.run_reversals, 2),
    (ticks.prune_tables, 3600),
)


class Scheduler:
    """The jobs and couriers of this process. Only `serve` and `worker` start it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._couriers = Couriers(app)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(len(SCHEDULE))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        for job, seconds in SCHEDULE:
            self._scheduler.add_job(self._run, "interval", seconds=seconds, args=[job], id=job.__name__)

    def start(self) -> None:
        """Start, after a first heartbeat, so that leases of dead processes are free and the site counts as alive."""
        with self._app.app_context():
            ticks.heartbeat()
            get_runtime().stop_requested.clear()
            get_runtime().couriers = self._couriers
        self._couriers.start()
        self._scheduler.start()
        self._couriers.wake()

    def stop(self) -> None:
        """Stop within a few seconds. Calls that are running are finished."""
        self._scheduler.shutdown(wait=False)
        with self._app.app_context():
            get_runtime().stop_requested.set()
        self._couriers.stop()
        with self._app.app_context():
            state = get_runtime()
            state.couriers = None
            run_in_transaction(lambda session: leases.unregister(session, state.worker_id))
            db.session.remove()

    def _run(self, job: Callable[[], None]) -> None:
        with self._app.app_context():
            try:
                job()
            except DatabaseBusy:
                log.warning("%s: the database is busy; the job runs again at its next tick", job.__name__)
            except Exception:
                log.exception("%s failed; the job runs again at its next tick", job.__name__)

"""The scheduler: how often each job runs. Only this file uses APScheduler."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from time import monotonic

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from flask import Flask

from pointsync import db, leases
from pointsync.db import DatabaseBusy, DatabaseFileGone, run_in_transaction
from pointsync.errors import ConfigError
from pointsync.runtime import get_runtime
from pointsync.schedule import (
    erasure_ticks,
    reading_ticks,
    recovery_ticks,
    remote_ticks,
    shop_ticks,
    ticks,
    webhook_ticks,
)
from pointsync.sync.delivery.courier import Couriers
from pointsync.sync.site import installation

log = logging.getLogger(__name__)

#: Each job and its interval in seconds. New movements of this process wake the couriers at once, without a job.
SCHEDULE: tuple[tuple[Callable[[], None], float], ...] = (
    (ticks.wake_couriers, 0.5),
    (ticks.heartbeat, 2),
    (remote_ticks.ask_remotes, 1),
    (remote_ticks.enqueue_backfills, 1),
    (remote_ticks.refresh_statuses, 5),
    (remote_ticks.refresh_late_statuses, 1),
    (remote_ticks.check_remotes, remote_ticks.CHECK_INTERVAL.total_seconds()),
    (remote_ticks.compare_remotes, 2),
    (remote_ticks.compare_changes, 2),
    (remote_ticks.recount_received, 5),
    (ticks.digest_old_movements, 2),
    (ticks.scrub_movements, 1),
    (recovery_ticks.fetch_back, 1),
    (recovery_ticks.hand_on, 2),
    (recovery_ticks.count_kept_deliveries, 2),
    (shop_ticks.move_orders_of_accounts, 2),
    (reading_ticks.read_shops, 2),
    (reading_ticks.note_alive, 15),
    (ticks.expire_points, 60),
    (ticks.unlock_levels, 2),
    (ticks.find_duplicates, 2),
    (ticks.send_mails, 1),
    (webhook_ticks.send_webhooks, 0.5),
    (ticks.queue_expiry_notices, 60),
    (ticks.run_tasks, 1),
    (ticks.run_reversals, 2),
    (erasure_ticks.erase_people, 1),
    (ticks.prune_tables, 3600),
)


class MonotonicZone(tzinfo):
    """A time zone whose local time is the monotonic clock, so that jobs run on time when the system's clock jumps.

    APScheduler reads the time only as `datetime.now(scheduler.timezone)`, and a time zone may choose the local time for
    any UTC time. With the system's clock, no job would run for an hour after it was set back by an hour.
    """

    _START = datetime(2020, 1, 1)  # noqa: DTZ001 its zone is added below

    def fromutc(self, _time: datetime) -> datetime:
        """The time on the monotonic clock, whatever the time is in UTC."""
        return (self._START + timedelta(seconds=monotonic())).replace(tzinfo=self)

    def utcoffset(self, _time: datetime | None) -> timedelta:
        """Zero: times of this zone are compared only with each other."""
        return timedelta(0)

    def dst(self, _time: datetime | None) -> None:
        """None: this zone has no summer time."""

    def tzname(self, _time: datetime | None) -> str:
        """The zone's name, which APScheduler logs."""
        return "monotonic"


class Every(BaseTrigger):  # type: ignore[misc]
    """Runs a job some seconds after it was last due. Ticks missed meanwhile, perhaps millions, are skipped."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """When the job runs next."""
        return now + self._interval


class Scheduler:
    """The jobs and couriers of this process. Only `serve` and `worker` start it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._couriers = Couriers(app)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(len(SCHEDULE))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=MonotonicZone(),
        )
        for job, seconds in SCHEDULE:
            self._scheduler.add_job(self._run, Every(seconds), args=[job], id=job.__name__)

    def start(self) -> None:
        """Start, after a first heartbeat, so that leases of dead processes are free and the site counts as alive."""
        with self._app.app_context():
            ticks.heartbeat()
            get_runtime().stop_requested.clear()
            get_runtime().couriers = self._couriers
        self._couriers.start()
        self._scheduler.start()
        self._scheduler.modify_job(
            remote_ticks.ask_remotes.__name__, next_run_time=datetime.now(self._scheduler.timezone)
        )
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
            state.shop_client.close()
            with suppress(DatabaseFileGone, ConfigError, OSError):
                run_in_transaction(lambda session: leases.unregister(session, state.worker_id))
                installation.save_marker(db.session(), state.config)
            db.session.remove()

    def _run(self, job: Callable[[], None]) -> None:
        with self._app.app_context():
            if db.file_problem():  # it was logged when it was noticed
                return
            try:
                job()
            except DatabaseBusy:
                log.warning("%s: the database is busy; the job runs again at its next tick", job.__name__)
            except Exception:
                log.exception("%s failed; the job runs again at its next tick", job.__name__)

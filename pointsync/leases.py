"""Workers, the processes that run jobs: their heartbeats, and the leases with which they share the work."""

import math
import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, delete, func, select
from sqlalchemy.orm import Session

from pointsync.clock import MAX_LEAD
from pointsync.db import UtcDateTime, get_database_time
from pointsync.db.upsert import insert_or_ignore
from pointsync.models import Lease, Worker

STALE_AFTER = timedelta(seconds=10)
ALARM_AFTER = timedelta(minutes=1)
"""When admins see an alarm: a heartbeat can be late while the database is busy."""
DELETE_AFTER = timedelta(days=1)
REMOTE_LEASE_DURATION = timedelta(seconds=120)
MAX_LEASE_DURATION = REMOTE_LEASE_DURATION
"""No lease is longer; one that ends later is from before the clock was set back, and has ended."""

# Built once, because the jobs execute them all the time.
_SELECT_LAST_HEARTBEAT = select(
    func.max(case((Worker.heartbeat_at <= bindparam("latest", type_=UtcDateTime), Worker.heartbeat_at))), func.count()
)
_SELECT_HELD = select(Lease.until).where(Lease.name == bindparam("name"), Lease.holder == bindparam("holder"))


def record_heartbeat(session: Session, worker_id: str) -> None:
    """Save that this process is alive."""
    now = get_database_time(session)
    worker = session.get(Worker, worker_id)
    if worker is None:
        session.add(Worker(id=worker_id, host=_host_name(), pid=os.getpid(), started_at=now, heartbeat_at=now))
        session.execute(delete(Worker).where(~Worker.heartbeat_at.between(now - DELETE_AFTER, now + MAX_LEAD)))
    else:
        worker.heartbeat_at = now
    session.flush()


def unregister(session: Session, worker_id: str) -> None:
    """Remove this worker when its process ends, and release its leases."""
    session.execute(delete(Worker).where(Worker.id == worker_id))
    session.execute(delete(Lease).where(Lease.holder == worker_id))


def is_recent(age_seconds: float | None) -> bool:
    """Whether a heartbeat of this age says that a process runs jobs; otherwise nothing is sent."""
    return age_seconds is not None and age_seconds <= ALARM_AFTER.total_seconds()


def is_any_alive(session: Session) -> bool:
    """Whether any process runs jobs on this database."""
    return is_recent(heartbeat_age_seconds(session))


def heartbeat_age_seconds(session: Session) -> float | None:
    """The age of the latest heartbeat of any worker; None if there never was one.

    It is infinite if all heartbeats are in the future: no worker has reported since the clock was set back.
    """
    now = get_database_time(session)
    last_at, count = session.execute(_SELECT_LAST_HEARTBEAT, {"latest": now + MAX_LEAD}).one()
    if not count:
        return None
    return max(0.0, (now - last_at).total_seconds()) if last_at else math.inf


def is_available(session: Session, holder: str | None, expires_at: datetime | None, worker_id: str) -> bool:
    """Whether `worker_id` may take a lease that `holder` has until `expires_at`.

    A lease ends at that time, or earlier if its holder is dead: its heartbeat is old or in the future, or it was a
    process of this host that no longer runs (a restarted process is another worker).
    """
    if holder is None or expires_at is None or holder == worker_id:
        return True
    now = get_database_time(session)
    if not now < expires_at <= now + MAX_LEASE_DURATION:
        return True
    worker = session.get(Worker, holder, populate_existing=True)
    if worker is None or not now - STALE_AFTER <= worker.heartbeat_at <= now + MAX_LEAD:
        return True
    return worker.host == _host_name() and not _is_process_running(worker.pid)


def is_held(session: Session, name: str, worker_id: str, seconds: int) -> bool:
    """Whether this worker has the lease `name` for at least `seconds` more, by the database's clock."""
    until = session.scalar(_SELECT_HELD, {"name": name, "holder": worker_id})
    return until is not None and timedelta(seconds=seconds) <= until - get_database_time(session) <= MAX_LEASE_DURATION


def acquire(session: Session, name: str, worker_id: str, duration_seconds: int) -> bool:
    """Take or renew the lease `name`, for two minutes at most; returns False if another live worker has it."""
    assert timedelta(seconds=duration_seconds) <= MAX_LEASE_DURATION
    now = get_database_time(session)
    insert_or_ignore(session, Lease, [{"name": name, "holder": worker_id, "until": now}])
    lease = session.scalars(select(Lease).where(Lease.name == name).with_for_update()).one()
    if not is_available(session, lease.holder, lease.until, worker_id):
        return False
    lease.holder, lease.until = worker_id, now + timedelta(seconds=duration_seconds)
    session.flush()
    return True


def _host_name() -> str:
    """The host and its PID namespace, in which a process id is unique: containers can share a host name."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()[:150]} {namespace}"


def _is_process_running(pid: int) -> bool:
    """Whether another process of this host has this id."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

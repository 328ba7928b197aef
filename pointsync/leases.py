"""Workers, the processes that run jobs: their heartbeats, and the leases with which they share the work."""

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync.db import get_database_time
from pointsync.db.upsert import insert_or_ignore
from pointsync.models import Lease, Worker

STALE_AFTER = timedelta(seconds=10)
ALARM_AFTER = timedelta(minutes=1)
"""When admins see an alarm: a heartbeat can be late while the database is busy."""
DELETE_AFTER = timedelta(days=1)
REMOTE_LEASE_DURATION = timedelta(seconds=120)


def record_heartbeat(session: Session, worker_id: str) -> None:
    """Save that this process is alive."""
    now = get_database_time(session)
    worker = session.get(Worker, worker_id)
    if worker is None:
        session.add(Worker(id=worker_id, host=_host_name(), pid=os.getpid(), started_at=now, heartbeat_at=now))
        session.execute(delete(Worker).where(Worker.heartbeat_at < now - DELETE_AFTER))
    else:
        worker.heartbeat_at = now
    session.flush()


def unregister(session: Session, worker_id: str) -> None:
    """Remove this worker when its process ends, and release its leases."""
    session.execute(delete(Worker).where(Worker.id == worker_id))
    session.execute(delete(Lease).where(Lease.holder == worker_id))


def is_any_alive(session: Session) -> bool:
    """Whether any process runs jobs on this database; otherwise nothing is sent."""
    since = get_database_time(session) - ALARM_AFTER
    return session.scalar(select(Worker.id).where(Worker.heartbeat_at >= since).limit(1)) is not None


def heartbeat_age_seconds(session: Session) -> float | None:
    """The age of the latest heartbeat of any worker; None if there never was one."""
    last_heartbeat_at: datetime | None = session.scalar(select(func.max(Worker.heartbeat_at)))
    if last_heartbeat_at is None:
        return None
    return max(0.0, (get_database_time(session) - last_heartbeat_at).total_seconds())


def is_available(session: Session, holder: str | None, expires_at: datetime | None, worker_id: str) -> bool:
    """Whether `worker_id` may take a lease that `holder` has until `expires_at`.

    A lease ends at that time, or earlier if its holder is dead: its heartbeat is old, or it was a process of this host
    that no longer runs (a restarted process is another worker).
    """
    if holder is None or expires_at is None or holder == worker_id or expires_at <= get_database_time(session):
        return True
    worker = session.get(Worker, holder, populate_existing=True)
    if worker is None or worker.heartbeat_at < get_database_time(session) - STALE_AFTER:
        return True
    return worker.host == _host_name() and not _is_process_running(worker.pid)


def acquire(session: Session, name: str, worker_id: str, duration_seconds: int) -> bool:
    """Take or renew the lease `name`; returns False if another live worker has it."""
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

"""Workers: which processes run jobs here, whether they are alive, and leases between them."""

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync.db import database_now
from pointsync.db.upsert import insert_missing
from pointsync.models import Lease, Worker

STALE = timedelta(seconds=10)
SILENT = timedelta(minutes=1)
"""Long enough for a beat to be late while the database is busy: people are told only then."""
FORGOTTEN = timedelta(days=1)
LEASE = timedelta(seconds=120)


def beat(session: Session, worker_id: str) -> None:
    """Say that this process is alive; its row is made at the first beat."""
    now = database_now(session)
    worker = session.get(Worker, worker_id)
    if worker is None:
        session.add(Worker(id=worker_id, host=_place(), pid=os.getpid(), started_at=now, heartbeat_at=now))
        session.execute(delete(Worker).where(Worker.heartbeat_at < now - FORGOTTEN))
    else:
        worker.heartbeat_at = now
    session.flush()


def leave(session: Session, worker_id: str) -> None:
    """Take this process out at its orderly end; what it held is free at once."""
    session.execute(delete(Worker).where(Worker.id == worker_id))
    session.execute(delete(Lease).where(Lease.holder == worker_id))


def any_alive(session: Session) -> bool:
    """Whether a process runs jobs on this database, so that what is made is sent at all."""
    since = database_now(session) - SILENT
    return session.scalar(select(Worker.id).where(Worker.heartbeat_at >= since).limit(1)) is not None


def is_free(session: Session, holder: str | None, until: datetime | None, worker_id: str) -> bool:
    """Whether what `holder` has leased until then may be taken by `worker_id`.

    A lease ends with its time, and at once with its holder: one whose heartbeat is old, or a process
    of this host that runs no more (a start again makes another worker).
    """
    if holder is None or until is None or holder == worker_id or until <= database_now(session):
        return True
    worker = session.get(Worker, holder, populate_existing=True)
    if worker is None or worker.heartbeat_at < database_now(session) - STALE:
        return True
    return worker.host == _place() and not _runs(worker.pid)


def take(session: Session, name: str, worker_id: str, seconds: int) -> bool:
    """Take the lease called `name` for so many seconds; False when another live worker holds it."""
    now = database_now(session)
    insert_missing(session, Lease, [{"name": name, "holder": worker_id, "until": now}])
    lease = session.scalars(select(Lease).where(Lease.name == name).with_for_update()).one()
    if not is_free(session, lease.holder, lease.until, worker_id):
        return False
    lease.holder, lease.until = worker_id, now + timedelta(seconds=seconds)
    session.flush()
    return True


def _place() -> str:
    """Where process numbers mean the same: the host, and there the namespace, since containers may share
    a host's name and each count from 1."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()[:150]} {namespace}"


def _runs(pid: int) -> bool:
    """Whether another process of this host has that number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

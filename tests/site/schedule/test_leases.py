"""Leases between workers: a live worker keeps its leases, a dead or late worker loses them."""

import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from pointsync import db, leases
from pointsync.models import Lease, Worker
from tests.support.apps import run_concurrently

SECOND = timedelta(seconds=1)
ME, OTHER = "a" * 32, "b" * 32

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def running_pid() -> Iterator[int]:
    """The id of another running process."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


@pytest.fixture
def ended_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def add_heartbeat(worker_id: str, **values) -> None:
    """Record a heartbeat of a worker and write `values` to its row. `age` is the age of the heartbeat."""
    with db.transaction() as session:
        leases.record_heartbeat(session, worker_id)
        if "age" in values:
            values["heartbeat_at"] = db.get_database_time(session) - values.pop("age")
        if values:
            session.execute(update(Worker).where(Worker.id == worker_id).values(values))


def take_lease(worker_id: str, name: str = "status", seconds: int = 60) -> bool:
    """Try to take the lease. Return whether the worker has it now."""
    return db.run_in_transaction(lambda session: leases.acquire(session, name, worker_id, seconds))


def end_lease(name: str = "status", by: timedelta = timedelta(0)) -> None:
    """Let the lease end at the database's time, minus `by`."""
    with db.transaction() as session:
        session.execute(update(Lease).where(Lease.name == name).values(until=db.get_database_time(session) - by))


def is_lease_free(holder: str | None, seconds: float | None, worker_id: str = ME) -> bool:
    """Whether a lease that ends in `seconds` may be results."""
    with db.transaction() as session:
        until = None if seconds is None else db.get_database_time(session) + seconds * SECOND
        return leases.is_available(session, holder, until, worker_id)


def test_a_heartbeat_stores_host_and_process_and_the_databases_time():
    add_heartbeat(ME)
    with db.transaction() as session:
        worker = session.get_one(Worker, ME)
        assert worker.host.startswith(socket.gethostname())
        assert worker.pid == os.getpid()
        assert abs(worker.heartbeat_at - db.get_database_time(session)) < 5 * SECOND
        first = worker.heartbeat_at
    add_heartbeat(ME, age=9 * SECOND)
    add_heartbeat(ME)
    with db.transaction() as session:
        worker = session.get_one(Worker, ME)
        assert worker.heartbeat_at >= first >= worker.started_at


def test_an_unheld_lease_is_free():
    assert is_lease_free(None, 60)
    assert is_lease_free(OTHER, None)
    assert is_lease_free(None, None)


def test_a_live_holder_keeps_the_lease_and_may_renew_it(running_pid):
    add_heartbeat(OTHER, pid=running_pid)
    assert not is_lease_free(OTHER, 60)
    assert is_lease_free(OTHER, 60, OTHER)


def test_a_lease_ends_by_the_databases_clock(running_pid, moving_clock):
    add_heartbeat(OTHER, pid=running_pid)
    moving_clock.advance(timedelta(days=999))
    assert not is_lease_free(OTHER, 30)
    moving_clock.advance(timedelta(days=-9999))
    assert not is_lease_free(OTHER, 30)
    assert is_lease_free(OTHER, 0)
    assert is_lease_free(OTHER, -1)


def test_an_unknown_holder_loses_the_lease():
    assert is_lease_free(OTHER, 60)


def test_a_holder_whose_process_ended_loses_the_lease(ended_pid):
    add_heartbeat(OTHER, pid=ended_pid)
    assert is_lease_free(OTHER, 60)


def test_a_new_process_with_the_same_process_id_is_another_worker():
    add_heartbeat(OTHER, pid=os.getpid())
    assert is_lease_free(OTHER, 60)


def test_a_process_on_another_host_counts_as_alive_while_its_heartbeat_is_fresh(ended_pid):
    add_heartbeat(OTHER, pid=ended_pid, host="another-host")
    assert not is_lease_free(OTHER, 60)


def test_a_holder_without_a_heartbeat_for_ten_seconds_loses_the_lease(running_pid):
    add_heartbeat(OTHER, pid=running_pid, age=8 * SECOND)
    assert not is_lease_free(OTHER, 60)
    add_heartbeat(OTHER, pid=running_pid, age=10 * SECOND)
    assert is_lease_free(OTHER, 60)
    add_heartbeat(OTHER, pid=running_pid, host="another-host", age=11 * SECOND)
    assert is_lease_free(OTHER, 60)


def test_a_lease_is_taken_renewed_and_passed_on(running_pid):
    add_heartbeat(ME)
    add_heartbeat(OTHER, pid=running_pid)
    assert take_lease(OTHER)
    assert take_lease(OTHER)
    assert not take_lease(ME)
    assert take_lease(ME, "history")
    end_lease()
    assert take_lease(ME)
    with db.transaction() as session:
        assert session.get_one(Lease, "status").holder == ME


def test_a_lease_lasts_as_long_as_requested():
    add_heartbeat(ME)
    take_lease(ME, seconds=100)
    with db.transaction() as session:
        remaining = session.get_one(Lease, "status").until - db.get_database_time(session)
    assert 90 * SECOND < remaining <= 100 * SECOND


def test_the_lease_of_a_dead_worker_is_taken_at_once(ended_pid):
    add_heartbeat(OTHER, pid=ended_pid)
    add_heartbeat(ME)
    assert take_lease(OTHER)
    assert take_lease(ME)


def test_a_worker_that_unregisters_frees_its_leases(running_pid):
    add_heartbeat(OTHER, pid=running_pid)
    add_heartbeat(ME)
    assert take_lease(OTHER)
    with db.transaction() as session:
        leases.unregister(session, OTHER)
    assert take_lease(ME)
    with db.transaction() as session:
        assert session.scalars(select(Worker.id)).all() == [ME]
        assert session.scalars(select(Lease.holder)).all() == [ME]


def test_old_workers_are_deleted_at_a_heartbeat(running_pid):
    add_heartbeat(OTHER, age=timedelta(days=1, seconds=1))
    add_heartbeat("c" * 32, age=timedelta(hours=23))
    add_heartbeat(ME)
    with db.transaction() as session:
        assert set(session.scalars(select(Worker.id))) == {ME, "c" * 32}


def test_of_many_concurrent_workers_one_takes_the_lease(app, running_pid):
    worker_ids = [f"{number:032x}" for number in range(8)]
    for worker_id in worker_ids:
        add_heartbeat(worker_id, pid=running_pid)
    results = run_concurrently(app, *(partial(take_lease, worker_id) for worker_id in worker_ids))
    assert sorted(results) == [False] * 7 + [True]
    with db.transaction() as session:
        assert session.get_one(Lease, "status").holder == worker_ids[results.index(True)]


def test_of_many_concurrent_workers_one_takes_over_an_expired_lease(app, running_pid):
    worker_ids = [f"{number:032x}" for number in range(8)]
    for worker_id in worker_ids:
        add_heartbeat(worker_id, pid=running_pid)
    take_lease(worker_ids[0])
    end_lease(by=SECOND)
    results = run_concurrently(app, *(partial(take_lease, worker_id) for worker_id in worker_ids))
    assert sum(results) == 1


@pytest.mark.parametrize("lead", [timedelta(seconds=30), timedelta(hours=1), timedelta(days=365)])
def test_a_heartbeat_in_the_future_is_no_sign_of_life(running_pid, lead):
    """The clock was set back: a worker that is alive reports again within two seconds."""
    add_heartbeat(OTHER, pid=running_pid, host="another-host", age=-lead)
    assert is_lease_free(OTHER, 60)
    with db.transaction() as session:
        assert leases.heartbeat_age_seconds(session) == math.inf
        assert not leases.is_any_alive(session)
    add_heartbeat(OTHER)
    assert not is_lease_free(OTHER, 60)
    with db.transaction() as session:
        assert leases.is_any_alive(session)


def test_a_dead_worker_from_the_future_hides_no_living_one():
    add_heartbeat(OTHER, age=timedelta(hours=-1))
    add_heartbeat(ME, age=3 * SECOND)
    with db.transaction() as session:
        assert 3 <= leases.heartbeat_age_seconds(session) < 9
    add_heartbeat("c" * 32)
    with db.transaction() as session:
        assert set(session.scalars(select(Worker.id))) == {ME, "c" * 32}, "and is deleted at the next start"


def test_a_lease_from_before_the_clock_was_set_back_has_ended(running_pid):
    add_heartbeat(OTHER, pid=running_pid)
    assert not is_lease_free(OTHER, 119)
    assert is_lease_free(OTHER, 3600)
    assert is_lease_free(OTHER, 365 * 86_400)


def test_a_longer_lease_than_that_cannot_be_taken():
    with pytest.raises(AssertionError):
        take_lease(ME, seconds=121)

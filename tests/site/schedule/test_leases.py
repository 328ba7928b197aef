"""Leases between workers: whoever lives keeps what it holds, and what is dead or late holds nothing."""

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
from tests.support.apps import together

SECOND = timedelta(seconds=1)
ME, OTHER = "a" * 32, "b" * 32

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def living() -> Iterator[int]:
    """The number of another process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


@pytest.fixture
def dead() -> int:
    """The number of a process that runs no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def beat(worker_id: str, **values) -> None:
    """A worker's heartbeat, with its row changed to `values`; `age` is the heartbeat's."""
    with db.write() as session:
        leases.beat(session, worker_id)
        if "age" in values:
            values["heartbeat_at"] = db.database_now(session) - values.pop("age")
        if values:
            session.execute(update(Worker).where(Worker.id == worker_id).values(values))


def take(worker_id: str, name: str = "status", seconds: int = 60) -> bool:
    """Whether that worker has the lease now."""
    return db.in_write(lambda session: leases.take(session, name, worker_id, seconds))


def expire(name: str = "status", by: timedelta = timedelta(0)) -> None:
    """Let the lease have ended by the database's clock."""
    with db.write() as session:
        session.execute(update(Lease).where(Lease.name == name).values(until=db.database_now(session) - by))


def free(holder: str | None, seconds: float | None, worker_id: str = ME) -> bool:
    """Whether what is held for so many seconds more may be taken."""
    with db.write() as session:
        until = None if seconds is None else db.database_now(session) + seconds * SECOND
        return leases.is_free(session, holder, until, worker_id)


def test_a_heartbeat_says_who_and_where_by_the_databases_clock():
    beat(ME)
    with db.write() as session:
        worker = session.get_one(Worker, ME)
        assert worker.host.startswith(socket.gethostname())
        assert worker.pid == os.getpid()
        assert abs(worker.heartbeat_at - db.database_now(session)) < 5 * SECOND
        first = worker.heartbeat_at
    beat(ME, age=9 * SECOND)
    beat(ME)
    with db.write() as session:
        worker = session.get_one(Worker, ME)
        assert worker.heartbeat_at >= first >= worker.started_at


def test_what_nobody_holds_is_free():
    assert free(None, 60)
    assert free(OTHER, None)
    assert free(None, None)


def test_a_live_holder_keeps_it_and_may_have_it_again(living):
    beat(OTHER, pid=living)
    assert not free(OTHER, 60)
    assert free(OTHER, 60, OTHER)


def test_a_lease_ends_by_the_databases_clock_whoever_lives(living, moving_clock):
    beat(OTHER, pid=living)
    moving_clock.advance(timedelta(days=999))
    assert not free(OTHER, 30)
    moving_clock.advance(timedelta(days=-9999))
    assert not free(OTHER, 30)
    assert free(OTHER, 0)
    assert free(OTHER, -1)


def test_a_holder_that_is_unknown_holds_nothing():
    assert free(OTHER, 60)


def test_a_holder_whose_process_has_ended_holds_nothing(dead):
    beat(OTHER, pid=dead)
    assert free(OTHER, 60)


def test_a_process_that_started_again_under_its_number_is_another_worker():
    beat(OTHER, pid=os.getpid())
    assert free(OTHER, 60)


def test_a_process_of_another_host_is_judged_by_its_heartbeat_alone(dead):
    beat(OTHER, pid=dead, host="another-host")
    assert not free(OTHER, 60)


def test_a_heartbeat_older_than_ten_seconds_holds_nothing(living):
    beat(OTHER, pid=living, age=8 * SECOND)
    assert not free(OTHER, 60)
    beat(OTHER, pid=living, age=10 * SECOND)
    assert free(OTHER, 60)
    beat(OTHER, pid=living, host="another-host", age=11 * SECOND)
    assert free(OTHER, 60)


def test_a_lease_is_taken_kept_and_handed_on(living):
    beat(ME)
    beat(OTHER, pid=living)
    assert take(OTHER)
    assert take(OTHER)
    assert not take(ME)
    assert take(ME, "history")
    expire()
    assert take(ME)
    with db.write() as session:
        assert session.get_one(Lease, "status").holder == ME


def test_a_lease_lasts_as_long_as_was_asked():
    beat(ME)
    take(ME, seconds=300)
    with db.write() as session:
        left = session.get_one(Lease, "status").until - db.database_now(session)
    assert 290 * SECOND < left <= 300 * SECOND


def test_the_lease_of_a_dead_worker_is_taken_at_once(dead):
    beat(OTHER, pid=dead)
    beat(ME)
    assert take(OTHER)
    assert take(ME)


def test_who_leaves_in_order_frees_what_it_held(living):
    beat(OTHER, pid=living)
    beat(ME)
    assert take(OTHER)
    with db.write() as session:
        leases.leave(session, OTHER)
    assert take(ME)
    with db.write() as session:
        assert session.scalars(select(Worker.id)).all() == [ME]
        assert session.scalars(select(Lease.holder)).all() == [ME]


def test_workers_of_long_ago_are_forgotten_at_a_start(living):
    beat(OTHER, age=timedelta(days=1, seconds=1))
    beat("c" * 32, age=timedelta(hours=23))
    beat(ME)
    with db.write() as session:
        assert set(session.scalars(select(Worker.id))) == {ME, "c" * 32}


def test_of_many_at_once_one_has_the_lease(app, living):
    names = [f"{number:032x}" for number in range(8)]
    for name in names:
        beat(name, pid=living)
    taken = together(app, *(partial(take, name) for name in names))
    assert sorted(taken) == [False] * 7 + [True]
    with db.write() as session:
        assert session.get_one(Lease, "status").holder == names[taken.index(True)]


def test_of_many_at_once_one_takes_over_an_expired_lease(app, living):
    names = [f"{number:032x}" for number in range(8)]
    for name in names:
        beat(name, pid=living)
    take(names[0])
    expire(by=SECOND)
    taken = together(app, *(partial(take, name) for name in names))
    assert sum(taken) == 1

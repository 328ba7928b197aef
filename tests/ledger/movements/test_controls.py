"""Controls: without a guard, the same scenarios must fail. This shows that the tests can fail."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Movement
from tests.support.apps import create_application, create_site, get_reserve, open_context, run_concurrently
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
ORIGIN = "wrk_0123456789abcdef"


@pytest.fixture
def own_site(tables_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A site whose tables a test may change."""
    with open_context(create_application(tables_url, tmp_path)) as app:
        create_site()
        yield app


@pytest.fixture
def plain_begin(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A site on SQLite whose write transactions begin like read transactions."""
    with open_context(create_application(sqlite_url, tmp_path)) as app:
        create_site()
        yield app


def drop_the_index(session: Session) -> None:
    """Remove the unique constraint on movements."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ALTER TABLE movement DROP CONSTRAINT uq_movement_origin_id"))
        return
    # SQLite cannot drop a constraint, so copy the table without it.
    columns = ", ".join(column.name for column in Movement.__table__.columns)
    session.execute(text(f"CREATE TABLE loose AS SELECT {columns} FROM movement"))
    session.execute(text("DROP TABLE movement"))
    session.execute(text("PRAGMA legacy_alter_table = ON"))  # triggers of other tables name the one that is gone
    session.execute(text("ALTER TABLE loose RENAME TO movement"))


def insert_twice() -> int:
    """Insert one movement twice, as a bug could; returns how many rows there are then."""
    with db.transaction() as session:
        apply(session, ORIGIN, get_reserve(session), [IncomingMovement("1", ANNA, 25)], NOW)
    with db.transaction() as session:
        row = dict(session.execute(select(Movement.__table__)).mappings().one()) | {"seq": 2}
        session.execute(Movement.__table__.insert(), row)
    with db.transaction() as session:
        return len(session.execute(select(Movement.__table__)).all())


def test_the_index_refuses_a_movement_that_is_there(own_site):
    with pytest.raises(IntegrityError):
        insert_twice()


def test_control_without_the_index_it_would_be_there_twice(own_site):
    with db.transaction() as session:
        drop_the_index(session)
    assert insert_twice() == 2


def test_control_without_the_index_the_check_finds_the_second(own_site):
    with db.transaction() as session:
        drop_the_index(session)
    insert_twice()
    with db.transaction() as session:
        assert find_balance_differences(session) == [
            {"customer": ANNA, "reserve": "default", "balance": 25, "movements": 50}
        ]


def outcomes_of_two_writers(app: Flask, engine: Engine, patience_seconds: float) -> list[str]:
    """Let two writers read a balance before one of them writes it; returns their outcomes."""
    db.run_in_transaction(lambda session: record(session, [Draft(ANNA, 1)], "test", NOW))
    both_have_read = Barrier(2)

    def write(points: int) -> str:
        try:
            with Session(engine) as session, session.begin():
                balance = session.scalars(select(Balance)).one()
                both_have_read.wait(patience_seconds)
                balance.points = balance.points + points
        except OperationalError as error:
            return "locked" if "locked" in str(error) else str(error)
        except BrokenBarrierError:
            return "alone"
        return "written"

    return sorted(run_concurrently(app, partial(write, 10), partial(write, 100)))


def test_control_with_a_plain_begin_one_of_two_updates_is_lost(plain_begin):
    """Both have read; the second writer has an outdated balance and is refused."""
    assert outcomes_of_two_writers(plain_begin, db.get_engine(), 20) == ["locked", "written"]


def test_with_the_lock_from_the_start_the_second_does_not_even_read(plain_begin):
    """The same with BEGIN IMMEDIATE: one waits for the other, so neither balance is outdated."""
    assert outcomes_of_two_writers(plain_begin, db.get_engine().execution_options(writes=True), 0.5) == [
        "alone",
        "alone",
    ]

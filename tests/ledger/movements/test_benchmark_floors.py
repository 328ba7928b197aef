"""The floors of the benchmarks: bare writes that leave exactly the rows that PointSync has left."""

from pathlib import Path

import pytest

from pointsync import clock, db
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Delivery, Movement, Site
from tests.bench.databases import POSTGRES, SQLITE, Database
from tests.bench.floors import commits, coverage, execute
from tests.bench.floors.bare_ledger import BareLedger
from tests.support.apps import create_application, create_site, open_context
from tests.support.remote_rows import add_remote


@pytest.fixture
def database(tables_url: str) -> Database:
    """The tests' database, for the bare driver."""
    if tables_url.startswith("sqlite"):
        return Database(SQLITE, tables_url.removeprefix("sqlite:///"))
    return Database(POSTGRES, tables_url)


@pytest.fixture
def empty_place(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where a copy of it can be made."""
    if database.kind == SQLITE:
        return str(tmp_path / "copy.db")
    return str(request.getfixturevalue("postgres_cluster").create_database())


def _record(count: int) -> None:
    for start in range(0, count, 1_000):
        drafts = [Draft(f"c{number % 70}@shop.example", 1 + number % 9) for number in range(start, start + 1_000)]
        db.run_in_transaction(lambda session, drafts=drafts: record(session, drafts, "test", clock.now()))


def test_the_floor_of_recording_leaves_the_same_rows(
    tables_url: str, database: Database, empty_place: str, tmp_path: Path
) -> None:
    with open_context(create_application(tables_url, tmp_path)):
        create_site()
        add_remote()
        before, counts, copy = (
            commits.read_all(database, commits.RECORDING),
            coverage.count_rows(database),
            database.copy_to(empty_place),
        )
        _record(2_000)
    after = commits.read_all(database, commits.RECORDING)
    coverage.check(counts, database, commits.RECORDING)
    planned = commits.record(before, after)
    assert len(planned) == 2
    assert execute.measure(copy, planned) > 0
    for model in commits.RECORDING:
        execute.check(copy, model, after[model])


def test_a_floor_that_lacks_a_table_is_noticed(tables_url: str, database: Database, tmp_path: Path) -> None:
    with open_context(create_application(tables_url, tmp_path)):
        create_site()
        add_remote()
        counts = coverage.count_rows(database)
        _record(1_000)
    with pytest.raises(AssertionError, match="delivery"):
        coverage.check(counts, database, [Movement, Customer, Balance, Site])


def test_the_bare_view_writes_one_movement_with_its_delivery(
    tables_url: str, database: Database, tmp_path: Path
) -> None:
    with open_context(create_application(tables_url, tmp_path)):
        create_site()
        add_remote()
        _record(1_000)
    ledger, before = BareLedger(database), commits.read_all(database, (Movement, Delivery, Customer))
    connection = database.connect()
    _, balance = ledger.record(connection, "new@shop.example", 5)
    assert (balance, ledger.record(connection, "new@shop.example", 2)[1]) == (5, 7)
    connection.close()
    for model, more in ((Movement, 2), (Delivery, 2), (Customer, 1)):
        assert len(commits.read_all(database, (model,))[model].rows) == len(before[model].rows) + more

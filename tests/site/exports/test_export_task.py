"""Export tasks: the file holds exactly what the list shows with the same filters."""

import csv
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy.orm import Session

from pointsync import db, files
from pointsync.db import keyset
from pointsync.errors import InvalidInput, NotFound
from pointsync.exports import export_task
from pointsync.exports.export_task import Filter
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Remote, Task
from pointsync.reports import customer_history, deliveries
from pointsync.runtime import get_runtime
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.sync.site import general
from pointsync.tasks import runner, tasks
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
HOSTILE = '=HYPERLINK("x"), Käse\n'


@pytest.fixture(autouse=True)
def filled_site(app, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reserves, customers, movements, deliveries in each state. Pages are short, and nothing pauses."""
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("pointsync.exports.rows.PAGE_ROWS", 7)
    with db.transaction() as session:
        reserves.create(session, "gold", "Gold", NOW)
        insert_rows(session, customers=30, remotes=3)
        insert_rows(session, movements=600)


def create_export(data: Path, make_filter: Callable[[Session], Filter]) -> int:
    """Enqueue an export and return its id."""
    return db.run_in_transaction(
        lambda session: export_task.enqueue(session, data, make_filter(session), "Ada", NOW)
    ).id


def get_task(task_id: int) -> Task:
    """Read the task from the database."""
    with db.transaction() as session:
        return tasks.get(session, task_id)


def run_waiting_tasks(data: Path) -> None:
    """Run all waiting tasks."""
    while runner.run_next(TASK_FUNCTIONS, data, "a" * 32, Event()):
        pass


def exported_rows(data: Path, make_filter: Callable[[Session], Filter]) -> list[dict[str, str]]:
    """Export, and return the rows of the file as dictionaries."""
    task_id = create_export(data, make_filter)
    run_waiting_tasks(data)
    done = get_task(task_id)
    assert (done.state, done.message) == ("done", None)
    with tasks.get_result_file(data, done).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert done.done == done.total == len(lines)
    return lines


def listed_rows(page: Callable[..., keyset.Page[Any]], **filters: Any) -> Iterator[Any]:
    """Return all rows of a list, page by page."""
    cursor: str | None = keyset.FIRST
    while cursor:
        with db.transaction() as session:
            current = page(session, cursor=cursor, size=80, **filters)
        yield from current.rows
        cursor = current.next


def test_customers(tmp_path):
    for search, key in product(("", "a", "a1@Many", "nobody"), (None, "gold")):
        with db.transaction() as session:
            reserve = get_reserve(session, key) if key else None
        listed = list(
            listed_rows(customer_list.list_page, search=search, order="-points" if key else "email", reserve=reserve)
        )
        if key and search:  # a search lists customers of all reserves
            listed = [each for each in listed if each.points[key]]
        lines = exported_rows(
            tmp_path, lambda session, args=(search, key): export_task.filter_customers(session, *args)
        )
        assert {line["customer"] for line in lines} == {each.customer.email for each in listed}
        assert bool(lines) == (search != "nobody")
        for each in listed:
            keys = [key] if key else ["default", "gold"]
            assert {
                line["reserve"]: int(line["points"]) for line in lines if line["customer"] == each.customer.email
            } == {name: each.points[name] for name in keys}


def test_a_customers_history(tmp_path):
    for key in (None, "gold"):
        with db.transaction() as session:
            customer, reserve = session.get_one(Customer, 7), get_reserve(session, key) if key else None
        listed = listed_rows(
            customer_history.list_page, config=get_runtime().config, customer=customer, reserve=reserve
        )
        lines = exported_rows(tmp_path, lambda session, key=key: export_task.filter_movements(session, 7, key))
        assert {line["customer"] for line in lines} == {customer.email}
        assert [line["id"] for line in lines] == [each.movement.id for each in listed][::-1]
        assert len(lines) == (20 if key is None else 10)


def test_deliveries(tmp_path):
    counts = []
    with db.transaction() as session:
        email = session.get_one(Customer, 7).email
        urls = {remote.id: remote.url for remote in session.query(Remote)}
    for state, remote_id, customer in product((None, *deliveries.STATES), (None, 2), (None, email.upper())):
        listed = listed_rows(deliveries.list_page, state=state, remote_id=remote_id, customer=customer)
        lines = exported_rows(
            tmp_path, lambda session, args=(remote_id, state, customer): export_task.filter_deliveries(session, *args)
        )
        assert sorted((line["movement"], line["remote"], line["state"]) for line in lines) == sorted(
            (each.movement.id, urls[each.remote.id], each.delivery.state) for each in listed
        )
        counts.append(len(lines))
    assert counts[0] > counts[2] > counts[3] > 0
    assert sum(map(bool, counts)) > 12


def test_unknown_or_invalid_filters_are_refused(tmp_path):
    for error, make_filter in (
        (InvalidInput, lambda session: export_task.filter_customers(session, "a\0")),
        (NotFound, lambda session: export_task.filter_customers(session, "", "silver\0")),
        (NotFound, lambda session: export_task.filter_movements(session, 99_999)),
        (NotFound, lambda session: export_task.filter_deliveries(session, 99)),
        (NotFound, lambda session: export_task.filter_deliveries(session, email="nobody@shop.example")),
        (InvalidInput, lambda session: export_task.filter_deliveries(session, state="lost")),
    ):
        with pytest.raises(error):
            create_export(tmp_path, make_filter)
    with db.transaction() as session:
        assert tasks.list_recent(session) == []
    assert not (tmp_path / tasks.FOLDER_NAME).exists()


def test_the_title_names_the_filters(tmp_path):
    with db.transaction() as session:
        session.get_one(Remote, 1).name = "Tea " * 47
    ids = [
        create_export(tmp_path, lambda session: export_task.filter_customers(session, " an ", "gold")),
        create_export(tmp_path, lambda session: export_task.filter_movements(session, 1)),
        create_export(tmp_path, lambda session: export_task.filter_deliveries(session, 1, "failed")),
    ]
    titles = [get_task(each).title for each in ids]
    assert titles[0] == "Customers as CSV: e-mail beginning with an, points in Gold"
    assert titles[1] == "Movements as CSV: of a1@many.example"
    assert titles[2].startswith("Deliveries as CSV: refused, to Tea Tea")
    assert (len(titles[2]), titles[2][-1]) == (191, "…")


def test_the_file_name_holds_the_local_date_and_formulas_are_escaped(tmp_path):
    with db.transaction() as session:
        general.set_time_zone(session, "Asia/Tokyo")
        record(session, [Draft("zoe@shop.example", 5, reason=HOSTILE.strip())], "test", NOW)
        zoe_id = session.query(Customer).filter_by(email="zoe@shop.example").one().id
    task_id = create_export(tmp_path, lambda session: export_task.filter_movements(session, zoe_id))
    run_waiting_tasks(tmp_path)
    path = tasks.get_result_file(tmp_path, get_task(task_id))
    assert path.name == "movements-2026-03-02.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b'\nzoe@shop.example,default,5,earn,"\'=HYPERLINK(""x""), K\xc3\xa4se",' in path.read_bytes()


def test_movements_recorded_during_the_export_are_left_out(tmp_path):
    task_id = create_export(tmp_path, lambda session: export_task.filter_movements(session, 7))

    def export(context: runner.TaskContext) -> Iterator[None]:
        for part in export_task.run(context):
            with db.transaction() as session:
                record(session, [Draft(session.get_one(Customer, 7).email, 1)], "test", NOW)
            yield part

    assert runner.run_next({export_task.KIND: export}, tmp_path, "a" * 32, Event())
    assert tasks.get_result_file(tmp_path, get_task(task_id)).read_text().count("\n") == 21


def test_a_full_disk_is_reported_and_leaves_no_file(tmp_path, monkeypatch):
    task_id = create_export(tmp_path, export_task.filter_customers)
    partial_path = tmp_path / "half.part"

    def make_file(**_options: Any) -> tuple[int, str]:
        partial_path.touch()
        return os.open("/dev/full", os.O_WRONLY), str(partial_path)

    monkeypatch.setattr(files.tempfile, "mkstemp", make_file)
    run_waiting_tasks(tmp_path)
    failed = get_task(task_id)
    assert (failed.state, failed.result) == ("failed", {})
    assert failed.message.startswith("The disk of this site's server is full. Free some space")
    assert not partial_path.exists()
    assert list(tasks.folder_path(tmp_path, task_id).iterdir()) == []


def test_an_interrupted_export_starts_again(tmp_path):
    shutdown_event, parts = Event(), []
    task_id = create_export(tmp_path, export_task.filter_customers)

    def export(context: runner.TaskContext) -> Iterator[None]:
        for part in export_task.run(context):
            parts.append(context.done)
            if len(parts) == 3:
                shutdown_event.set()
            yield part

    assert runner.run_next({export_task.KIND: export}, tmp_path, "a" * 32, shutdown_event)
    assert (get_task(task_id).state, get_task(task_id).done, get_task(task_id).total) == ("waiting", 21, 60)
    assert list(tasks.folder_path(tmp_path, task_id).iterdir()) == []
    run_waiting_tasks(tmp_path)
    assert (get_task(task_id).state, get_task(task_id).done) == ("done", 60)
    assert tasks.get_result_file(tmp_path, get_task(task_id)).read_text().count("\n") == 61

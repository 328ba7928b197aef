"""Export in the background: the file has exactly what the list shows by the same filters."""

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
from pointsync.errors import Invalid, NotFound
from pointsync.exports import export_task
from pointsync.exports.export_task import Wanted
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Remote, Work
from pointsync.reports import customer_history, deliveries
from pointsync.runtime import runtime
from pointsync.schedule.task_kinds import KINDS
from pointsync.sync.site import general
from pointsync.tasks import runner, tasks
from tests.support.apps import reserve
from tests.support.bulk_rows import fill

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
HOSTILE = '=HYPERLINK("x"), Käse\n'


@pytest.fixture(autouse=True)
def many(app, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reserves, customers, movements, deliveries in each state; pages are short, and nobody waits."""
    monkeypatch.setattr(runner, "GAP_SECONDS", 0.0)
    monkeypatch.setattr("pointsync.exports.rows.PAGE", 7)
    with db.write() as session:
        reserves.add(session, "gold", "Gold", NOW)
        fill(session, customers=30, remotes=3)
        fill(session, movements=600)


def ask(data: Path, wanted: Callable[[Session], Wanted]) -> int:
    """A new export, by its number."""
    return db.in_write(lambda session: export_task.ask(session, data, wanted(session), "Ada", NOW)).id


def now_of(work_id: int) -> Work:
    """The work as the database has it."""
    with db.write() as session:
        return tasks.get(session, work_id)


def run(data: Path) -> None:
    """Do what waits."""
    while runner.do_next(KINDS, data, "a" * 32, Event()):
        pass


def exported(data: Path, wanted: Callable[[Session], Wanted]) -> list[dict[str, str]]:
    """The lines of the file, by the names of their columns."""
    work_id = ask(data, wanted)
    run(data)
    done = now_of(work_id)
    assert (done.state, done.message) == ("done", None)
    with tasks.made(data, done).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert done.done == done.total == len(lines)
    return lines


def walked(page: Callable[..., keyset.Page[Any]], **filters: Any) -> Iterator[Any]:
    """All rows that the list shows, page after page."""
    cursor: str | None = keyset.FIRST
    while cursor:
        with db.write() as session:
            found = page(session, cursor=cursor, size=80, **filters)
        yield from found.rows
        cursor = found.next


def test_customers(tmp_path):
    for search, key in product(("", "a", "a1@Many", "nobody"), (None, "gold")):
        with db.write() as session:
            by = reserve(session, key) if key else None
        shown = list(walked(customer_list.page, search=search, order="-points" if key else "email", reserve=by))
        if key and search:  # what is searched for is listed by e-mail, of all reserves
            shown = [each for each in shown if each.points[key]]
        lines = exported(tmp_path, lambda session, args=(search, key): export_task.customer_rows(session, *args))
        assert {line["customer"] for line in lines} == {each.customer.email for each in shown}
        assert bool(lines) == (search != "nobody")
        for each in shown:
            keys = [key] if key else ["default", "gold"]
            assert {
                line["reserve"]: int(line["points"]) for line in lines if line["customer"] == each.customer.email
            } == {name: each.points[name] for name in keys}


def test_a_customers_history(tmp_path):
    for key in (None, "gold"):
        with db.write() as session:
            who, by = session.get_one(Customer, 7), reserve(session, key) if key else None
        shown = walked(customer_history.page, config=runtime().config, customer=who, reserve=by)
        lines = exported(tmp_path, lambda session, key=key: export_task.history_rows(session, 7, key))
        assert {line["customer"] for line in lines} == {who.email}
        assert [line["id"] for line in lines] == [each.movement.id for each in shown][::-1]
        assert len(lines) == (20 if key is None else 10)


def test_deliveries(tmp_path):
    counts = []
    with db.write() as session:
        email = session.get_one(Customer, 7).email
        urls = {remote.id: remote.url for remote in session.query(Remote)}
    for state, remote_id, who in product((None, *deliveries.STATES), (None, 2), (None, email.upper())):
        shown = walked(deliveries.page, state=state, remote_id=remote_id, customer=who)
        lines = exported(
            tmp_path, lambda session, args=(remote_id, state, who): export_task.delivery_rows(session, *args)
        )
        assert sorted((line["movement"], line["remote"], line["state"]) for line in lines) == sorted(
            (each.movement.id, urls[each.remote.id], each.delivery.state) for each in shown
        )
        counts.append(len(lines))
    assert counts[0] > counts[2] > counts[3] > 0
    assert sum(map(bool, counts)) > 12


def test_what_there_is_not_is_refused(tmp_path):
    for fault, wanted in (
        (Invalid, lambda session: export_task.customer_rows(session, "a\0")),
        (NotFound, lambda session: export_task.customer_rows(session, "", "silver\0")),
        (NotFound, lambda session: export_task.history_rows(session, 99_999)),
        (NotFound, lambda session: export_task.delivery_rows(session, 99)),
        (NotFound, lambda session: export_task.delivery_rows(session, email="nobody@shop.example")),
        (Invalid, lambda session: export_task.delivery_rows(session, state="lost")),
    ):
        with pytest.raises(fault):
            ask(tmp_path, wanted)
    with db.write() as session:
        assert tasks.last(session) == []
    assert not (tmp_path / tasks.FILES).exists()


def test_its_title_says_what_it_is_narrowed_to(tmp_path):
    with db.write() as session:
        session.get_one(Remote, 1).name = "Tea " * 47
    ids = [
        ask(tmp_path, lambda session: export_task.customer_rows(session, " an ", "gold")),
        ask(tmp_path, lambda session: export_task.history_rows(session, 1)),
        ask(tmp_path, lambda session: export_task.delivery_rows(session, 1, "failed")),
    ]
    titles = [now_of(each).title for each in ids]
    assert titles[0] == "Customers as CSV: e-mail beginning with an, points in Gold"
    assert titles[1] == "Movements as CSV: of a1@many.example"
    assert titles[2].startswith("Deliveries as CSV: refused, to Tea Tea")
    assert (len(titles[2]), titles[2][-1]) == (191, "…")


def test_its_name_is_of_the_sites_day_and_its_cells_are_defused(tmp_path):
    with db.write() as session:
        general.set_time_zone(session, "Asia/Tokyo")
        record(session, [Draft("zoe@shop.example", 5, reason=HOSTILE.strip())], "test", NOW)
        zoe = session.query(Customer).filter_by(email="zoe@shop.example").one().id
    work_id = ask(tmp_path, lambda session: export_task.history_rows(session, zoe))
    run(tmp_path)
    path = tasks.made(tmp_path, now_of(work_id))
    assert path.name == "movements-2026-03-02.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b'\nzoe@shop.example,default,5,earn,"\'=HYPERLINK(""x""), K\xc3\xa4se",' in path.read_bytes()


def test_what_comes_meanwhile_is_not_in_it(tmp_path):
    work_id = ask(tmp_path, lambda session: export_task.history_rows(session, 7))

    def export(task: runner.Task) -> Iterator[None]:
        for part in export_task.run(task):
            with db.write() as session:
                record(session, [Draft(session.get_one(Customer, 7).email, 1)], "test", NOW)
            yield part

    assert runner.do_next({export_task.KIND: export}, tmp_path, "a" * 32, Event())
    assert tasks.made(tmp_path, now_of(work_id)).read_text().count("\n") == 21


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    work_id = ask(tmp_path, export_task.customer_rows)
    name = tmp_path / "half.part"

    def made(**_more: Any) -> tuple[int, str]:
        name.touch()
        return os.open("/dev/full", os.O_WRONLY), str(name)

    monkeypatch.setattr(files.tempfile, "mkstemp", made)
    run(tmp_path)
    failed = now_of(work_id)
    assert (failed.state, failed.result) == ("failed", {})
    assert failed.message.startswith("The disk of this site's server is full: make room there")
    assert not name.exists()
    assert list(tasks.folder(tmp_path, work_id).iterdir()) == []


def test_it_is_begun_again_where_its_process_ends_amid_it(tmp_path):
    ending, parts = Event(), []
    work_id = ask(tmp_path, export_task.customer_rows)

    def export(task: runner.Task) -> Iterator[None]:
        for part in export_task.run(task):
            parts.append(task.done)
            if len(parts) == 3:
                ending.set()
            yield part

    assert runner.do_next({export_task.KIND: export}, tmp_path, "a" * 32, ending)
    assert (now_of(work_id).state, now_of(work_id).done, now_of(work_id).total) == ("waiting", 21, 60)
    assert list(tasks.folder(tmp_path, work_id).iterdir()) == []
    run(tmp_path)
    assert (now_of(work_id).state, now_of(work_id).done) == ("done", 60)
    assert tasks.made(tmp_path, now_of(work_id)).read_text().count("\n") == 61

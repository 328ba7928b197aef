"""What an erasure takes out of texts, mails, kept deliveries and files, and out of the bytes of the database."""

import json
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.ledger import audit_recorder
from pointsync.ledger.people import people
from pointsync.ledger.people.erasure import erasures
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, Erasure, Hook, KeptDelivery, Mail, Movement, ShopAccount, Task, TaskState
from pointsync.ops import compaction
from pointsync.runtime import get_runtime
from pointsync.schedule import erasure_ticks
from pointsync.tasks import tasks
from tests.support.apps import get_reserve

ANNA, JOANNA, OTHER = "anna@shop.example", "joanna@shop.example", "bob@shop.example"


def give(points: int, email: str = ANNA, **more) -> None:
    with db.transaction() as session:
        record(session, [Draft(email, points, **more)], "api:shop", clock.now())


def erase(email: str = ANNA) -> int:
    with db.transaction() as session:
        return erasures.erase(session, email, "ada", clock.now()).id


def finish(erasure_id: int) -> Erasure:
    """Run the job, as the scheduler does every second."""
    erasure_ticks.erase_people()
    db.session.remove()
    erasure = db.session.get(Erasure, erasure_id)
    assert erasure.cleaned_at is not None
    return erasure


def test_texts_that_name_the_person_are_cleaned_and_others_stay(app) -> None:
    give(10, reason="Welcome Anna", ref="mail:Anna@Shop.example")
    give(5, OTHER, reason=f"A gift of {ANNA}", ref=f"from {JOANNA}")
    with db.transaction() as session:
        audit_recorder.log_action(session, "renamed", "customer", 1, ANNA, before={"customer": ANNA}, after={"x": 1})
        session.add(
            Mail(
                kind="reward",
                cause="x",
                customer_id=1,
                facts={},
                at=clock.now(),
                queued_at=clock.now(),
                next_at=clock.now(),
            )
        )
    erasure = finish(erase())
    with db.transaction() as session:
        own, other = session.scalars(select(Movement).order_by(Movement.seq))
        assert (own.reason, own.points) == ("", 10)
        assert own.ref.startswith("mail:")
        assert own.ref.endswith("@erased.invalid")
        assert other.reason.startswith("A gift of ")
        assert other.reason.endswith("@erased.invalid")
        assert other.ref == f"from {JOANNA}"
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "renamed")).one()
        assert entry.thing == entry.before["customer"]
        assert entry.thing.endswith("@erased.invalid")
        assert session.scalar(select(func.count()).select_from(Mail)) == 0
    assert erasure.counts["texts"] >= 3
    assert erasure.sealed_addresses is None
    give(10, reason="again", ref="mail:Anna@Shop.example", at=clock.now() - timedelta(days=1))
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Movement)) == 2, "the shop's request is known again"


def test_the_audit_log_is_still_protected(app) -> None:
    give(1)
    with db.transaction() as session:
        audit_recorder.log_action(session, "renamed", "customer", 1, ANNA)
    finish(erase())
    with pytest.raises(Exception, match="audit log"), db.transaction() as session:
        session.execute(AuditEntry.__table__.update().values(thing="nobody"))


def test_accounts_and_kept_deliveries_of_shops(app) -> None:
    give(1)
    body = {"id": 5, "billing": {"email": ANNA, "phone": "12345"}, "customer_note": "for Anna", "total": "10.00"}
    with db.transaction() as session:
        hook = Hook(
            token="t",
            name="h",
            sealed_secret="s",
            reserve_id=get_reserve(session).id,
            rule="orders",
            created_at=clock.now(),
        )
        session.add(hook)
        session.flush()
        for number, kind in ((1, "order"), (2, "account")):
            kept = {
                "address": "",
                "topic_kind": kind,
                "thing_id": number,
                "topic": "x",
                "shop": "",
                "reason": "address",
            }
            kept["body"] = zlib.compress(json.dumps(body).encode())
            session.add(KeptDelivery(hook_id=hook.id, received_at=clock.now(), **kept))
        from pointsync.models import Shop

        shop = Shop(code="c", name="n", created_at=clock.now())
        session.add(shop)
        session.flush()
        session.add(ShopAccount(shop_id=shop.id, account_id=9, email=ANNA))
    finish(erase())
    with db.transaction() as session:
        [kept] = session.scalars(select(KeptDelivery))
        left = json.loads(zlib.decompress(kept.body))
        assert list(left["billing"]) == ["email"]
        assert left["billing"]["email"].endswith("@erased.invalid")
        assert "customer_note" not in left
        assert left["total"] == "10.00"
        assert session.scalars(select(ShopAccount.email)).one() is None


def add_file(name: str, text: str, state: TaskState) -> Path:
    data = get_runtime().config.data
    with db.transaction() as session:
        task = tasks.enqueue(session, data, kind="export", title="x", unit="lines", asked_by="ada", now=clock.now())
        task.state, task.finished_at = state, clock.now() if state == TaskState.DONE else None
        path = tasks.folder_path(data, task.id) / name
    path.write_text(text)
    return path


def test_exports_on_disk_are_deleted_and_a_running_task_keeps_its_file(app, moving_clock) -> None:
    give(1)
    named = add_file("a.csv", f"customer\n{ANNA.upper()}\n", TaskState.DONE)
    other = add_file("b.csv", f"customer\n{OTHER}\n", TaskState.DONE)
    running = add_file("c.csv", f"customer\n{ANNA}\n", TaskState.WAITING)
    erasure_id = erase()
    erasure_ticks.erase_people()
    assert not named.exists()
    assert other.exists()
    assert running.exists()
    with db.transaction() as session:
        assert session.get(Erasure, erasure_id).cleaned_at is None
        for task in session.scalars(select(Task)):
            task.state, task.finished_at = TaskState.DONE, clock.now()
    moving_clock.advance(timedelta(minutes=1))
    assert finish(erasure_id).counts["files"] >= 1
    assert not running.exists()


def test_nothing_of_the_address_is_left_in_rows_and_bytes(app) -> None:
    for number in range(300):
        give(1, reason=f"Order {number} of {ANNA}")
    give(5, OTHER)
    with db.transaction() as session:
        people.rename(session, ANNA, "anna@new.example", clock.now())
    finish(erase("anna@new.example"))
    compaction.vacuum()
    with db.transaction() as session:
        for table in db.Base.metadata.sorted_tables:
            rows = repr(session.execute(table.select()).all()).lower()
            assert ANNA not in rows, table.name
            assert "anna@new.example" not in rows, table.name
    data = get_runtime().config.data
    files = [path for path in data.rglob("*") if path.is_file()]
    is_sqlite = db.get_engine().dialect.name == "sqlite"
    assert any(OTHER.encode() in path.read_bytes() for path in files) or not is_sqlite, "the control"
    for path in files:
        for address in (ANNA, "anna@new.example"):
            assert address.encode() not in path.read_bytes().lower(), path.name


def test_a_request_waits_for_a_day_and_can_be_stopped(app, moving_clock) -> None:
    give(1)
    give(1, OTHER)
    with db.transaction() as session:
        first = erasures.request(session, ANNA, "a key", clock.now()).id
        second = erasures.request(session, OTHER, "a key", clock.now()).id
        assert erasures.request(session, ANNA, "a key", clock.now()).id == first
    moving_clock.advance(timedelta(hours=23))
    erasure_ticks.erase_people()
    with db.transaction() as session:
        assert [each.id for each in erasures.list_waiting(session)] == [first, second]
        erasures.stop(session, second, "ada", clock.now())
    moving_clock.advance(timedelta(hours=2))
    erasure_ticks.erase_people()
    finish(first)
    with db.transaction() as session:
        assert people.get_living(session, OTHER).email == OTHER
        with pytest.raises(people.NotFound):
            people.get_living(session, ANNA)
        with pytest.raises(people.Conflict):
            erasures.stop(session, first, "ada", clock.now())

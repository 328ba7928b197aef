"""What an erasure takes out of texts, mails, kept deliveries and files, and out of the bytes of the database."""

import json
import zlib
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import func, select, update

from pointsync import clock, db
from pointsync.email_address import parse
from pointsync.ledger import audit_recorder
from pointsync.ledger.people import people
from pointsync.ledger.people.erased.texts import AddressTexts
from pointsync.ledger.people.erasure import cleaning, erasures, receipts
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, Erasure, Hook, KeptDelivery, Mail, Movement, ShopAccount, Site, Task, TaskState
from pointsync.ops import compaction
from pointsync.reports.person_report.person import find
from pointsync.reports.person_report.texts import list_mentions
from pointsync.runtime import get_runtime
from pointsync.schedule import erasure_ticks
from pointsync.tasks import tasks
from tests.support.apps import get_reserve
from tests.support.queries import queries_of, query_plan

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


SPELLINGS = ("Straße@müller.example", "STRASSE@MÜLLER.EXAMPLE", "strasse@xn--mller-kva.example")


def test_each_way_of_writing_an_address_is_replaced_and_reported(app) -> None:
    give(10, SPELLINGS[0])
    for number, spelling in enumerate(SPELLINGS):
        give(5, OTHER, reason=f"For {spelling}", ref=f"{number}:{quote(spelling, safe='')}")
        with db.transaction() as session:
            audit_recorder.log_action(session, "renamed", "customer", 1, spelling, after={"x": [spelling]})
    key, find_all = parse(SPELLINGS[0]).key, AddressTexts({parse(SPELLINGS[0]).key}).is_named_in
    with db.transaction() as session:
        mentions = list(list_mentions(find(session, get_runtime().config, key, clock.now())))
    assert sorted(each.place for each in mentions) == ["audit log"] * 3 + ["movement"] * 3

    finish(erase(key))

    with db.transaction() as session:
        rows = repr(session.execute(select(Movement.reason, Movement.ref)).all())
        rows += repr(session.execute(select(AuditEntry.thing, AuditEntry.after)).all())
    assert not find_all(rows)
    assert rows.count("@erased.invalid") == 9
    assert rows.count("%40erased.invalid") == 3


def test_a_mail_to_somebody_new_with_the_address_stays(app) -> None:
    give(1)
    erasure_id = erase()
    moments = (clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1))
    with db.transaction() as session:
        for at in moments:
            texts = {"kind": "reward", "cause": f"{at}", "address": ANNA.upper(), "facts": {}}
            session.add(Mail(**texts, at=at, queued_at=at, next_at=at))
    finish(erasure_id)
    with db.transaction() as session:
        assert session.scalars(select(Mail.at)).all() == [moments[1]]


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
    orders = [Draft(ANNA, 1, reason=f"Order {number} of {ANNA}") for number in range(300)]
    with db.transaction() as session:
        record(session, orders, "api:shop", clock.now())
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


def test_an_erasure_that_is_not_possible_now_is_tried_again_later(app, moving_clock, caplog) -> None:
    give(1)
    with db.transaction() as session:
        erasure_id = erasures.request(session, ANNA, "a key", clock.now()).id
        session.execute(update(Site).values(undigested_seq=1))
    moving_clock.advance(timedelta(days=1))
    for _ in range(3):
        erasure_ticks.erase_people()
    assert len([each for each in caplog.records if "has to wait" in each.getMessage()]) == 1
    with db.transaction() as session:
        session.execute(update(Site).values(undigested_seq=None))
    moving_clock.advance(erasure_ticks.RETRY_DELAY)
    erasure_ticks.erase_people()
    finish(erasure_id)


def test_a_part_of_the_cleaning_is_short_and_goes_on_where_it_ended(app, monkeypatch) -> None:
    monkeypatch.setattr(cleaning, "PART_ROWS", 3)
    monkeypatch.setattr(cleaning, "PART_SECONDS", 0)
    for number in range(10):
        give(1, reason=f"Order {number} of {ANNA}")
        give(1, OTHER, reason=f"Order {number} of {ANNA}")
    erasure_id = erase()
    parts = 0
    while db.run_in_transaction(lambda session: cleaning.clean_next_part(session, erasure_id)):
        parts += 1
    assert parts > 15
    with db.transaction() as session:
        assert not any("anna" in each for each in session.scalars(select(Movement.reason)))


def test_finding_what_is_left_to_do_reads_no_finished_erasure(app) -> None:
    give(1)
    finish(erase())
    queries = queries_of(lambda session: erasures.list_unfinished(session, clock.now()))
    if db.get_engine().dialect.name == "sqlite":
        assert any("ix_erasure_unfinished" in step for each in queries for step in query_plan(each))


def test_receipts_of_many_cost_as_many_queries_as_of_one(app) -> None:
    def count() -> int:
        return len(queries_of(lambda session: receipts.describe_all(session, erasures.list_all(session), 30)))

    give(1)
    erase()
    one = count()
    for number in range(5):
        give(1, f"a{number}@shop.example")
        erase(f"a{number}@shop.example")
    assert count() == one

"""The stored data about a person: all parts, as JSON and CSV."""

import csv
import io
import json

import msgspec
import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import InvalidInput, NotFound
from pointsync.ledger.rewards import rewards
from pointsync.models import Attempt, AuditEntry, Customer, Shop, ShopAccount, ShopOrder, ShopOrderPoints
from pointsync.reports.person_report import documents, ledger_parts, report, rows
from pointsync.reports.person_report.person import find
from pointsync.runtime import get_runtime
from pointsync.sync.people.report_json import PARTS, PersonReport
from pointsync.tasks.tasks import FOLDER_NAME
from tests.ledger.customers.people_steps import BOB, CAROL, add_alias, give, merge
from tests.ledger.holds.hold_steps import place
from tests.ledger.record_drafts import ANNA
from tests.ledger.rewards.level_steps import add_level
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import add_remote


def documents_of(email: str, form: str = documents.JSON) -> bytes:
    found = report.make(db.session(), get_runtime().config, email, NOW)
    return b"".join(found.iter_document(form))


def parts_of(email: str) -> dict:
    document = json.loads(documents_of(email))
    msgspec.convert(document, PersonReport)
    return document["sites"][0]["parts"]


def fill() -> None:
    """Something in every part."""
    add_level("Gold", 50)
    give(100)
    give(7, BOB, ref="b1", reason="=1+1")
    merge(BOB, ANNA)
    add_alias(ANNA, CAROL)
    place(30)
    remote_id = add_remote()
    with db.transaction() as session:
        reserve = get_reserve(session)
        reward = rewards.create(session, reserve, "Mug", "", 5, NOW)
        rewards.redeem(session, reserve, reward.id, ANNA, "mug-1", "api:shop", NOW)
        anna = session.scalars(select(Customer).where(Customer.email == ANNA)).one()
        shop = Shop(code="tea", name="Tea", created_at=NOW)
        session.add(shop)
        session.flush()
        order = ShopOrder(shop_id=shop.id, order_id=9, number="R-9", seen_at=NOW)
        session.add(order)
        session.flush()
        session.add(ShopAccount(shop_id=shop.id, account_id=4, email=BOB))
        session.add(
            ShopOrderPoints(shop_order_id=order.id, reserve_id=reserve.id, customer_id=anna.id, points=7, given_at=NOW)
        )
        session.add(
            Attempt(
                remote_id=remote_id,
                started_at=NOW,
                first_delivery_id=1,
                deliveries=1,
                code="x",
                message=f"{ANNA.upper()} is not there",
            )
        )
        session.add(
            Attempt(
                remote_id=remote_id,
                started_at=NOW,
                first_delivery_id=1,
                deliveries=1,
                code="x",
                message=f"jo{ANNA} and {ANNA}.uk are others",
            )
        )


def test_every_part(app):
    fill()
    folder = get_runtime().config.data / FOLDER_NAME / "7"
    folder.mkdir(parents=True)
    (folder / "customers.csv").write_text(f"customer,points\n{BOB},7\n")
    (folder / "others.csv").write_text(f"customer,points\nx{BOB},7\n{BOB}.uk,3\n")
    parts = parts_of(CAROL)
    assert [(each["address"], each["is_shown"]) for each in parts["addresses"]] == [
        (ANNA, True),
        (BOB, False),
        (CAROL, False),
    ]
    assert [each["change"] for each in parts["changes"]] == ["merge", "alias"]
    assert [(each["points"], each["held"]) for each in parts["balances"]] == [(102, 30)]
    assert [each["level"] for each in parts["levels"]] == ["Gold"]
    assert [(each["reward"], each["points"]) for each in parts["redemptions"]] == [("Mug", -5)]
    assert [(each["ref"], each["state"]) for each in parts["holds"]] == [("cart-1", "held")]
    assert [(each["shop"], each["number"], each["points"]) for each in parts["orders"]] == [("Tea", "R-9", 7)]
    assert [(each["account"], each["address"]) for each in parts["accounts"]] == [("4", BOB)]
    assert {each["place"] for each in parts["mentions"]} == {"audit log", "attempt"}
    assert [each["text"] for each in parts["mentions"] if each["place"] == "attempt"] == [
        f"{ANNA.upper()} is not there"
    ]
    assert [each["file"] for each in parts["files"]] == ["7/customers.csv"]
    assert [each["points"] for each in parts["movements"]] == [-5, 7, 100]
    assert [each["customer"] for each in parts["movements"]] == [ANNA, BOB, ANNA]


def test_the_table(app):
    fill()
    table = list(csv.DictReader(io.StringIO(documents_of(BOB, documents.CSV).decode())))
    assert list(table[0]) == list(documents.HEADER)
    [movement] = [each for each in table if each["part"] == "movements" and each["address"] == BOB]
    assert (movement["points"], movement["reserve"]) == ("7", "default")
    assert "reason: =1+1" in movement["details"]
    assert not [cell for each in table for cell in each.values() if cell[:1] in "=+@" and cell]


def test_it_can_stop_anywhere(app, monkeypatch):
    monkeypatch.setattr(ledger_parts, "CHUNK_SIZE", 2)
    fill()
    for points in range(1, 6):
        give(points, BOB)
    person = find(db.session(), get_runtime().config, ANNA, NOW)
    whole = list(rows.iter_rows(person))
    assert list(dict.fromkeys(each.part for each in whole)) == [
        each for each in PARTS if each in {row.part for row in whole}
    ]
    for number, row in enumerate(whole):
        after = rows.parse_position(str(row.next))
        assert [each.content for each in rows.iter_rows(person, after)] == [
            each.content for each in whole[number + 1 :]
        ]


@pytest.mark.parametrize("text", ["", "movements", "movements:x", "nothing:1", "movements:-1", f"movements:{'9' * 19}"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(InvalidInput):
        rows.parse_position(text)


def test_who_is_unknown(app):
    give(1)
    with pytest.raises(NotFound):
        documents_of(BOB)
    with pytest.raises(InvalidInput):
        documents_of("nobody")


def test_it_is_in_the_audit_log(app):
    give(1)
    documents_of(ANNA)
    with db.transaction() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "reported")).one()
        assert (entry.noun, entry.thing, entry.after) == ("customer", ANNA, {})

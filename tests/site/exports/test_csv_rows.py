"""CSV out: every row once, in order, whatever the pages; and no cell that a spreadsheet would compute."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import csv_safety, db
from pointsync.exports import rows as export_rows
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft
from pointsync.models import Delivery
from tests.ledger.record_drafts import ANNA, record_all
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW

BOB = "bob@shop.example"


def csv_rows(table_name: str, **bounds) -> list[dict]:
    """Export a table and return its rows as dictionaries."""
    with db.transaction() as session:
        if key := bounds.pop("key", None):
            bounds["reserve"] = get_reserve(session, key)
        conditions, last_key = export_rows.build_conditions(**bounds), export_rows.get_last_key(session, table_name)
        pages = list(export_rows.iter_pages(session, table_name, conditions, last_key))
        assert export_rows.count_rows(session, table_name, conditions, last_key) == sum(map(len, pages))
    return [dict(zip(export_rows.get_header(table_name), row, strict=True)) for page in pages for row in page]


def test_balances_by_customer_and_reserve(app):
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    record_all(Draft(ANNA, 300), Draft(BOB, 5), Draft(ANNA, 7, reserve="gold"), Draft(BOB, -5))
    assert csv_rows("customers") == [
        {"customer": ANNA, "reserve": "default", "points": 300},
        {"customer": ANNA, "reserve": "gold", "points": 7},
        {"customer": BOB, "reserve": "default", "points": 0},
    ]
    assert csv_rows("customers", key="gold") == [{"customer": ANNA, "reserve": "gold", "points": 7}]


def test_movements_with_all_their_columns(app):
    [recorded] = record_all(Draft(ANNA, 300, reason='="1"', ref="@one", at=NOW - timedelta(days=2)))
    record_all(Draft(BOB, -5, kind="manual"))
    first, second = csv_rows("movements")
    assert first == {
        "customer": ANNA,
        "reserve": "default",
        "points": 300,
        "kind": "earn",
        "reason": '\'="1"',
        "at": recorded.to_json().at,
        "ref": "'@one",
        "id": recorded.movement.id,
        "origin": recorded.movement.origin,
        "balance": 300,
        "recorded_at": recorded.to_json().recorded_at,
    }
    assert (second["customer"], second["points"], second["reason"], second["ref"]) == (BOB, -5, "", "")


def test_movements_of_a_period(app):
    record_all(*(Draft(ANNA, points, at=NOW - timedelta(days=points)) for points in (1, 2, 3)))
    day = timedelta(days=1)
    assert [row["points"] for row in csv_rows("movements", since=NOW - 2 * day)] == [1, 2]
    assert [row["points"] for row in csv_rows("movements", until=NOW - 2 * day)] == [3]
    assert [row["points"] for row in csv_rows("movements", since=NOW - 3 * day, until=NOW - day)] == [2, 3]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_pages_together_hold_each_row_once(app, monkeypatch, size):
    with db.transaction() as session:
        insert_rows(session, customers=20, movements=60, remotes=2)
    whole = {table_name: csv_rows(table_name) for table_name in export_rows.TABLE_NAMES}
    assert [len(whole[table_name]) for table_name in ("customers", "movements")] == [20, 60]
    with db.transaction() as session:
        assert len(whole["deliveries"]) == session.query(Delivery).count() > 0
    monkeypatch.setattr(export_rows, "PAGE_ROWS", size)
    assert {table_name: csv_rows(table_name) for table_name in export_rows.TABLE_NAMES} == whole


def test_rows_recorded_during_the_export_are_left_out(app, monkeypatch):
    monkeypatch.setattr(export_rows, "PAGE_ROWS", 2)
    record_all(*(Draft(email, 5) for email in (ANNA, BOB, "carl@shop.example")))
    with db.transaction() as session:
        last_keys = {
            table_name: export_rows.get_last_key(session, table_name) for table_name in export_rows.TABLE_NAMES
        }
    assert last_keys == {"customers": 3, "movements": 3, "deliveries": 0}
    rows = []
    for page in export_rows.iter_pages(db.session(), "movements", [], last_keys["movements"]):
        rows += page
        db.session.rollback()
        record_all(Draft("dora@shop.example", 7))
    assert [row[0] for row in rows] == [ANNA, BOB, "carl@shop.example"]
    with db.transaction() as session:
        assert [len(page) for page in export_rows.iter_pages(session, "customers", [], last_keys["customers"])] == [
            2,
            1,
        ]


@given(st.text(alphabet=st.sampled_from("'=+-@\t\ra ")))
def test_no_cell_is_a_formula_and_the_text_can_be_restored(text):
    escaped = csv_safety.escape_formula(text)
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r"))
    is_escaped = bool(escaped.startswith("'") and escaped.lstrip("'").startswith(("=", "+", "-", "@", "\t", "\r")))
    assert (escaped[1:] if is_escaped else escaped) == text

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
from tests.ledger.record_drafts import ANNA, recorded
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW

BOB = "bob@shop.example"


def rows(what: str, **bounds) -> list[dict]:
    """The lines under their header."""
    with db.write() as session:
        if key := bounds.pop("key", None):
            bounds["reserve"] = reserve(session, key)
        which, last = export_rows.within(**bounds), export_rows.last(session, what)
        pages = list(export_rows.pages(session, what, which, last))
        assert export_rows.count(session, what, which, last) == sum(map(len, pages))
    return [dict(zip(export_rows.header(what), row, strict=True)) for page in pages for row in page]


def test_balances_by_customer_and_reserve(app):
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    recorded(Draft(ANNA, 300), Draft(BOB, 5), Draft(ANNA, 7, reserve="gold"), Draft(BOB, -5))
    assert rows("customers") == [
        {"customer": ANNA, "reserve": "default", "points": 300},
        {"customer": ANNA, "reserve": "gold", "points": 7},
        {"customer": BOB, "reserve": "default", "points": 0},
    ]
    assert rows("customers", key="gold") == [{"customer": ANNA, "reserve": "gold", "points": 7}]


def test_movements_with_all_that_is_told_of_them(app):
    [one] = recorded(Draft(ANNA, 300, reason='="1"', ref="@one", at=NOW - timedelta(days=2)))
    recorded(Draft(BOB, -5, kind="manual"))
    first, second = rows("movements")
    assert first == {
        "customer": ANNA,
        "reserve": "default",
        "points": 300,
        "kind": "earn",
        "reason": '\'="1"',
        "at": one.shape["at"],
        "ref": "'@one",
        "id": one.movement.id,
        "origin": one.movement.origin,
        "balance": 300,
        "recorded_at": one.shape["recorded_at"],
    }
    assert (second["customer"], second["points"], second["reason"], second["ref"]) == (BOB, -5, "", "")


def test_from_a_moment_on_and_before_another(app):
    recorded(*(Draft(ANNA, points, at=NOW - timedelta(days=points)) for points in (1, 2, 3)))
    day = timedelta(days=1)
    assert [row["points"] for row in rows("movements", since=NOW - 2 * day)] == [1, 2]
    assert [row["points"] for row in rows("movements", until=NOW - 2 * day)] == [3]
    assert [row["points"] for row in rows("movements", since=NOW - 3 * day, until=NOW - day)] == [2, 3]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_pages_leave_nothing_out_and_nothing_twice(app, monkeypatch, size):
    with db.write() as session:
        fill(session, customers=20, movements=60, remotes=2)
    whole = {what: rows(what) for what in export_rows.WHATS}
    assert [len(whole[what]) for what in ("customers", "movements")] == [20, 60]
    with db.write() as session:
        assert len(whole["deliveries"]) == session.query(Delivery).count() > 0
    monkeypatch.setattr(export_rows, "PAGE", size)
    assert {what: rows(what) for what in export_rows.WHATS} == whole


def test_what_is_recorded_meanwhile_is_not_in_it(app, monkeypatch):
    monkeypatch.setattr(export_rows, "PAGE", 2)
    recorded(*(Draft(email, 5) for email in (ANNA, BOB, "carl@shop.example")))
    with db.write() as session:
        lasts = {what: export_rows.last(session, what) for what in export_rows.WHATS}
    assert lasts == {"customers": 3, "movements": 3, "deliveries": 0}
    found = []
    for page in export_rows.pages(db.db.session(), "movements", [], lasts["movements"]):
        found += page
        db.db.session.rollback()
        recorded(Draft("dora@shop.example", 7))
    assert [row[0] for row in found] == [ANNA, BOB, "carl@shop.example"]
    with db.write() as session:
        assert [len(page) for page in export_rows.pages(session, "customers", [], lasts["customers"])] == [2, 1]


@given(st.text(alphabet=st.sampled_from("'=+-@\t\ra ")))
def test_no_cell_is_a_formula_and_one_mark_less_is_the_text(text):
    shown = csv_safety.defuse(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    looks_defused = bool(shown.startswith("'") and shown.lstrip("'").startswith(("=", "+", "-", "@", "\t", "\r")))
    assert (shown[1:] if looks_defused else shown) == text

"""What a rule would take, added up: at once, by month, and by whom first."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from pointsync import db
from pointsync.ledger.expiry import preview as expiry_preview
from pointsync.ledger.expiry.preview import Line, Lost, preview
from pointsync.ledger.expiry.rule import Rule, period, yearly
from pointsync.ledger.record import Draft
from tests.ledger.record_drafts import ANNA, count, recorded
from tests.support.apps import reserve

BOB, EVE = "bob@shop.example", "eve@shop.example"
TODAY = date(2026, 11, 20)


def given(*points: tuple[str, int, datetime]) -> None:
    for email, number, at in points:
        recorded(Draft(email, number), now=at)


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, 12, tzinfo=UTC)


def found(rule: Rule) -> expiry_preview.Preview:
    with db.write() as session:
        return preview(session, reserve(session), rule, ZoneInfo("UTC"), TODAY)


def test_what_is_lost_at_once_in_each_month_and_by_whom_first(app: Flask) -> None:
    given(
        (ANNA, 100, day(1, 5)), (BOB, 7, day(1, 6)), (ANNA, 20, day(2, 25)), (BOB, 3, day(11, 1)), (EVE, 9, day(2, 28))
    )
    before = count()
    shown = found(period("transactional", 9, "months", TODAY))
    assert shown.at_once == Lost(TODAY, 2, 107)
    assert [month for month in shown.months if month.points] == [
        Lost(date(2026, 11, 21), 2, 29),
        Lost(date(2027, 8, 1), 1, 3),
    ]
    assert [month.when for month in shown.months][:3] == [date(2026, 11, 21), date(2026, 12, 1), date(2027, 1, 1)]
    assert shown.lines == (
        Line(TODAY, ANNA, 100),
        Line(TODAY, BOB, 7),
        Line(date(2026, 11, 25), ANNA, 20),
        Line(date(2026, 11, 28), EVE, 9),
        Line(date(2027, 8, 1), BOB, 3),
    )
    assert (shown.points, shown.customers, shown.is_whole) == (139, 3, True)
    assert count() == before


def test_nobody_would_lose_anything(app: Flask) -> None:
    given((ANNA, 5, day(1, 5)), (ANNA, -5, day(1, 6)))
    shown = found(yearly(12, 31, TODAY))
    assert (shown.points, shown.at_once, shown.lines, shown.customers) == (0, Lost(TODAY, 0, 0), (), 1)


def test_of_many_the_first_are_shown_and_of_too_many_that_it_is_not_all(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry_preview, "MOST_SHOWN", 3)
    for number in range(12):
        recorded(
            *[Draft(f"c{number}@shop.example", 1 + each) for each in range(5)], now=day(3, 1) + timedelta(days=number)
        )
    rule = period("transactional", 9, "months", TODAY)
    shown = found(rule)
    assert [(line.customer, line.points) for line in shown.lines] == [
        ("c0@shop.example", 5 - each) for each in range(3)
    ]
    assert shown.is_whole
    assert shown.points == 12 * 15
    monkeypatch.setattr(expiry_preview, "MOST_LOSERS", 11)
    assert not found(rule).is_whole
    monkeypatch.setattr(expiry_preview, "MOST_LOSERS", 12)
    assert found(rule).is_whole

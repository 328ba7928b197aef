"""The preview of a rule: what expires at once, per month, and for which customers first."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from pointsync import db
from pointsync.ledger.expiry import preview as expiry_preview
from pointsync.ledger.expiry.preview import CustomerLoss, LossTotal, preview
from pointsync.ledger.expiry.rule import ExpiryRule, make_period_rule, make_yearly_rule
from pointsync.ledger.record import Draft
from tests.ledger.record_drafts import ANNA, movement_count, record_all
from tests.support.apps import get_reserve

BOB, EVE = "bob@shop.example", "eve@shop.example"
TODAY = date(2026, 11, 20)


def create_movements(*points: tuple[str, int, datetime]) -> None:
    for email, number, at in points:
        record_all(Draft(email, number), now=at)


def make_day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, 12, tzinfo=UTC)


def preview_rule(rule: ExpiryRule) -> expiry_preview.ExpiryPreview:
    with db.transaction() as session:
        return preview(session, get_reserve(session), rule, ZoneInfo("UTC"), TODAY)


def test_losses_at_once_per_month_and_the_first_customers(app: Flask) -> None:
    create_movements(
        (ANNA, 100, make_day(1, 5)),
        (BOB, 7, make_day(1, 6)),
        (ANNA, 20, make_day(2, 25)),
        (BOB, 3, make_day(11, 1)),
        (EVE, 9, make_day(2, 28)),
    )
    before = movement_count()
    shown = preview_rule(make_period_rule("transactional", 9, "months", TODAY))
    assert shown.immediate == LossTotal(TODAY, 2, 107)
    assert [month for month in shown.months if month.points] == [
        LossTotal(date(2026, 11, 21), 2, 29),
        LossTotal(date(2027, 8, 1), 1, 3),
    ]
    assert [month.starts_on for month in shown.months][:3] == [date(2026, 11, 21), date(2026, 12, 1), date(2027, 1, 1)]
    assert shown.first_losses == (
        CustomerLoss(TODAY, ANNA, 100),
        CustomerLoss(TODAY, BOB, 7),
        CustomerLoss(date(2026, 11, 25), ANNA, 20),
        CustomerLoss(date(2026, 11, 28), EVE, 9),
        CustomerLoss(date(2027, 8, 1), BOB, 3),
    )
    assert (shown.points, shown.customers, shown.is_complete) == (139, 3, True)
    assert movement_count() == before


def test_nobody_would_lose_anything(app: Flask) -> None:
    create_movements((ANNA, 5, make_day(1, 5)), (ANNA, -5, make_day(1, 6)))
    shown = preview_rule(make_yearly_rule(12, 31, TODAY))
    assert (shown.points, shown.immediate, shown.first_losses, shown.customers) == (0, LossTotal(TODAY, 0, 0), (), 1)


def test_the_first_rows_are_shown_and_an_incomplete_preview_says_so(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry_preview, "MAX_ROWS", 3)
    for number in range(12):
        record_all(
            *[Draft(f"c{number}@shop.example", 1 + each) for each in range(5)],
            now=make_day(3, 1) + timedelta(days=number),
        )
    rule = make_period_rule("transactional", 9, "months", TODAY)
    shown = preview_rule(rule)
    assert [(loss.customer, loss.points) for loss in shown.first_losses] == [
        ("c0@shop.example", 5 - each) for each in range(3)
    ]
    assert shown.is_complete
    assert shown.points == 12 * 15
    monkeypatch.setattr(expiry_preview, "MAX_CUSTOMERS", 11)
    assert not preview_rule(rule).is_complete
    monkeypatch.setattr(expiry_preview, "MAX_CUSTOMERS", 12)
    assert preview_rule(rule).is_complete

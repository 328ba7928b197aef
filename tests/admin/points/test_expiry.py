"""Expiry of a points reserve: the rule, what it would take, and that nothing is set before that was seen."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import ExpiryRule
from pointsync.ledger.record import Draft, record
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

LIST = "/points-and-rewards"
PAGE = f"{LIST}/reserves/default/expiry"
LONG_AGO = datetime(2020, 5, 5, 12, tzinfo=UTC)


def stored_rule(app: Flask) -> ExpiryRule | None:
    """What is kept."""
    return run_in_transaction(app, lambda session: rules.get_rule(session, reserves.get(session, "default")))


def submit(ada: PanelClient, **typed: str) -> Any:
    """The form, sent."""
    usual = {"kind": "transactional", "count": "9", "unit": "months", "on": ""}
    return ada.send(PAGE, **(usual | typed))


def confirm_preview(ada: PanelClient, answer: Any) -> Any:
    """Switch on what a preview has shown; a browser sends what the page holds."""
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', answer.text))
    return ada.post(PAGE, fields)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_rule_is_shown_then_switched_on_and_off(app: Flask, ada: PanelClient) -> None:
    drafts = [
        Draft("bob@shop.test", 50, at=LONG_AGO),
        Draft("eve@shop.test", 7, at=LONG_AGO),
        Draft("tom@shop.test", 5),
    ]
    run_in_transaction(app, lambda session: record(session, drafts, "test", clock.now()))
    assert "Never" in main_text(ada.get(LIST).text)
    answer = submit(ada)
    assert answer.status_code == 200
    text = main_text(answer.text)
    assert "In the reserve Points points are lost 9 months after they were given. Nothing is switched on yet." in text
    assert "At once 2 customers would lose 57 points." in text
    assert "62 points would be lost. 3 customers have, or have had, points in this reserve." in text
    assert "bob@shop.test −50" in text
    assert stored_rule(app) is None

    answer = confirm_preview(ada, answer)
    assert (answer.status_code, answer.location) == (303, LIST)
    kept = stored_rule(app)
    assert kept is not None
    assert (kept.kind, kept.count, kept.unit, kept.since) == ("transactional", 9, "months", clock.now().date())
    text = main_text(ada.get(LIST).text)
    assert "9 months after they were given" in text
    assert "points are lost by the new rule from today on" in text
    page = ada.get(PAGE).text
    assert 'value="9"' in page
    assert re.search(r'<input[^>]* checked[^>]* value="transactional"', page)

    answer = submit(ada, kind="none")
    assert answer.status_code == 303
    assert stored_rule(app) is None
    assert "are lost no more" in main_text(ada.get(LIST).text)


def test_each_kind(app: Flask, ada: PanelClient) -> None:
    for typed, said in (
        ({"kind": "inactivity", "count": "1", "unit": "days"}, "1 day after the customer's last movement"),
        ({"kind": "yearly", "count": "", "on": "2-29"}, "each year on 29 February"),
    ):
        answer = submit(ada, **typed)
        assert f"are lost {said}." in main_text(answer.text)
        assert "Nobody would lose anything at once." in main_text(answer.text)
        assert confirm_preview(ada, answer).status_code == 303
        kept = stored_rule(app)
        assert kept is not None
        assert kept.kind == typed["kind"]
    assert (kept.month, kept.day) == (2, 29)
    assert 'value="02-29"' in ada.get(PAGE).text


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"kind": "sometimes"}, "kind", "Choose whether and how"),
        ({"kind": ""}, "kind", "Choose whether and how"),
        ({"count": ""}, "count", "a whole number from 1 to 1,200"),
        ({"count": "0"}, "count", "a whole number from 1 to 1,200"),
        ({"count": "1.5"}, "count", "a whole number from 1 to 1,200"),
        ({"count": "9" * 40}, "count", "a whole number from 1 to 1,200"),
        ({"count": "36501", "unit": "days", "kind": "inactivity"}, "count", "a whole number from 1 to 36,500"),
        ({"unit": "weeks"}, "unit", "Choose days or months"),
        ({"kind": "yearly"}, "on", "such as 12-31"),
        ({"kind": "yearly", "on": "02-30"}, "on", "no such day"),
        ({"kind": "yearly", "on": "31.12."}, "on", "such as 12-31"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(
    app: Flask, ada: PanelClient, typed: dict[str, str], field: str, sentence: str
) -> None:
    answer = submit(ada, **typed)
    assert answer.status_code == 422
    assert sentence in field_errors(answer.text)[field]
    assert "confirmed" not in answer.text
    assert stored_rule(app) is None
    # Nor by a confirmation that nobody was shown.
    assert submit(ada, confirmed="1", **typed).status_code == 422
    assert stored_rule(app) is None


def test_back_to_the_form_keeps_what_was_typed(ada: PanelClient) -> None:
    answer = submit(ada, count="7", unit="days", back_to_form="1")
    assert answer.status_code == 200
    assert 'value="7"' in answer.text
    assert re.search(r'<option selected value="days"', answer.text)


def test_a_reserve_that_is_not_there(ada: PanelClient) -> None:
    assert ada.get(f"{LIST}/reserves/gold/expiry").status_code == 404
    assert ada.send(f"{LIST}/reserves/gold/expiry", PAGE, kind="none").status_code == 404


def test_a_stranger_is_shown_the_door(stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location == f"/sign-in?next={PAGE}"
    assert stranger.post(PAGE, {"kind": "none"}).status_code in (302, 303, 400)

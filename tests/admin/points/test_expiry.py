"""The expiry rule of a points reserve: its preview, and that nothing is saved before the preview was shown."""

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
    """The rule in the database."""
    return run_in_transaction(app, lambda session: rules.get_rule(session, reserves.get(session, "default")))


def submit(ada: PanelClient, **typed: str) -> Any:
    """Send the form."""
    usual = {"kind": "transactional", "count": "9", "unit": "months", "on": ""}
    return ada.send(PAGE, **(usual | typed))


def confirm_preview(ada: PanelClient, answer: Any) -> Any:
    """Confirm a preview. The page has the form's values in hidden fields."""
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', answer.text))
    return ada.post(PAGE, fields)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_rule_is_previewed_saved_and_removed(app: Flask, ada: PanelClient) -> None:
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
    assert "Points in Points would expire 9 months after they were earned. The rule is not saved yet." in text
    assert "2 customers would lose 57 points at once." in text
    assert "62 points would expire within a year. 3 customers have or had points in this reserve." in text
    assert "bob@shop.test −50" in text
    assert stored_rule(app) is None

    answer = confirm_preview(ada, answer)
    assert (answer.status_code, answer.location) == (303, LIST)
    rule = stored_rule(app)
    assert rule is not None
    assert (rule.kind, rule.count, rule.unit, rule.since) == ("transactional", 9, "months", clock.now().date())
    text = main_text(ada.get(LIST).text)
    assert "9 months after they were earned" in text
    assert "The expiry rule of Points applies from today." in text
    page = ada.get(PAGE).text
    assert 'value="9"' in page
    assert re.search(r'<input[^>]* checked[^>]* value="transactional"', page)

    answer = submit(ada, kind="none")
    assert answer.status_code == 303
    assert stored_rule(app) is None
    assert "no longer expire" in main_text(ada.get(LIST).text)


def test_each_kind(app: Flask, ada: PanelClient) -> None:
    for typed, rule_text in (
        ({"kind": "inactivity", "count": "1", "unit": "days"}, "1 day after the customer's last movement"),
        ({"kind": "yearly", "count": "", "on": "2-29"}, "every year on 29 February"),
    ):
        answer = submit(ada, **typed)
        assert f"would expire {rule_text}." in main_text(answer.text)
        assert "No points would expire at once." in main_text(answer.text)
        assert confirm_preview(ada, answer).status_code == 303
        rule = stored_rule(app)
        assert rule is not None
        assert rule.kind == typed["kind"]
    assert (rule.month, rule.day) == (2, 29)
    assert 'value="02-29"' in ada.get(PAGE).text


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"kind": "sometimes"}, "kind", "Choose whether and when"),
        ({"kind": ""}, "kind", "Choose whether and when"),
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
def test_an_error_is_shown_at_its_field(
    app: Flask, ada: PanelClient, typed: dict[str, str], field: str, sentence: str
) -> None:
    answer = submit(ada, **typed)
    assert answer.status_code == 422
    assert sentence in field_errors(answer.text)[field]
    assert "confirmed" not in answer.text
    assert stored_rule(app) is None
    # A confirmation without a preview does not save it either.
    assert submit(ada, confirmed="1", **typed).status_code == 422
    assert stored_rule(app) is None


def test_back_to_the_form_keeps_typed_values(ada: PanelClient) -> None:
    answer = submit(ada, count="7", unit="days", back_to_form="1")
    assert answer.status_code == 200
    assert 'value="7"' in answer.text
    assert re.search(r'<option selected value="days"', answer.text)


def test_a_reserve_that_does_not_exist(ada: PanelClient) -> None:
    assert ada.get(f"{LIST}/reserves/gold/expiry").status_code == 404
    assert ada.send(f"{LIST}/reserves/gold/expiry", PAGE, kind="none").status_code == 404


def test_a_visitor_is_redirected_to_sign_in(stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location == f"/sign-in?next={PAGE}"
    assert stranger.post(PAGE, {"kind": "none"}).status_code in (302, 303, 400)

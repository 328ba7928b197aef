"""Why 340? The sheet that explains a balance."""

import re

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from pointsync.admin.customers.balance_breakdown import MAX_TERMS, build_terms
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import make_period_rule
from pointsync.ledger.rewards import levels
from pointsync.models import Balance
from pointsync.reports.balance_breakdown import Part
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.admin.sample_customers import UNKNOWN_AUTH, create_customer_history, record_points
from tests.admin.sample_remotes import CREATED_AT
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

HOSTILE = "<script>alert(1)</script>"


def make_part(points: int, kind: str = "earn", site: str = "Mug shop") -> Part:
    """A part of a balance."""
    return Part("wrk_1", site, kind, 1, points)


def test_the_sum_has_the_largest_parts() -> None:
    few = [make_part(100, site="Tea shop"), make_part(-260, "redeem"), make_part(500)]
    assert [term.points for term in build_terms(few)] == [500, 100, -260]
    many = [make_part(number) for number in range(-6, 7)]
    found = build_terms(many)
    assert [term.points for term in found] == [6, 5, -5, -6, 0]
    assert (len(found), found[-1].part, found[-1].other_count) == (MAX_TERMS, None, 9)
    assert build_terms([]) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_breakdown_with_all_details(app: Flask, ada: PanelClient) -> None:
    row = create_customer_history(app)

    def more(session: Session) -> None:
        reserve = reserves.get(session, "default")
        rules.set_rule(session, reserve, make_period_rule("transactional", 12, "months", CREATED_AT.date()))
        levels.create(session, reserve, "Silver", "", 3, CREATED_AT)

    run_in_transaction(app, more)
    run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 200))
    history = ada.get(f"/customers/{row}").text
    assert f'href="/customers/{row}/why/default" data-dialog>Why 172?' in history
    answer = ada.get(f"/customers/{row}/why/default")
    text = text_of(answer.text.partition("data-sheet")[2])
    assert answer.status_code == 200
    assert "172 = 300 earned at Shop one − 20 adjusted at Shop one − 30 spent at Shop one" in text
    assert "− 90 adjusted at Shop 2 + 12 from 3 other parts" in text
    assert "The 8 movements add up to the balance. The first one is from 1 Mar 2026, 10:00" in text
    assert f"{UNKNOWN_AUTH} Adjusted 1 +3" in text
    assert "Total 8 +172" in text
    assert "Shop 3 : " in text
    assert 'href="/system/activity?remote=3&amp;state=failed&amp;customer=anna@shop.test"' in answer.text
    assert "1 movement refused" in text
    assert "Silver , since" in text
    assert "Points that will expire" in text
    for url in re.findall(r'href="(/system/activity[^"]+)"', answer.text):
        assert ada.get(url.replace("&amp;", "&")).status_code == 200


def test_a_balance_that_was_edited_in_the_database(app: Flask, ada: PanelClient) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5, 6))
    run_in_transaction(app, lambda session: session.execute(update(Balance).values(points=340)))
    text = ada.get(f"/customers/{row}/why/default").text
    assert "2 movements add up to 11, but the stored balance is 340." in text
    assert "pointsync verify" in text
    assert "add up to the balance" not in text


def test_one_movement_none_and_too_many_to_replay(
    app: Flask, ada: PanelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    run_in_transaction(app, lambda session: reserves.create(session, "gold", HOSTILE, CREATED_AT))
    assert "The only movement is the balance." in ada.get(f"/customers/{row}/why/default").text
    gold = ada.get(f"/customers/{row}/why/gold").text
    assert "No movements yet." in gold
    assert HOSTILE not in gold
    monkeypatch.setattr("pointsync.admin.customers.balance_breakdown.MAX_REPLAYED", 0)
    assert "pointsync why anna@shop.test --reserve default" in ada.get(f"/customers/{row}/why/default").text


def test_what_does_not_exist(app: Flask, ada: PanelClient, stranger: PanelClient) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    big = "9223372036854775808"
    for path in (f"{row}/why/silver", f"{row}/why/%00", "77/why/default", f"{row}/why", f"{big}/why/default"):
        assert ada.get(f"/customers/{path}").status_code == 404
    assert stranger.get(f"/customers/{row}/why/default").status_code == 303

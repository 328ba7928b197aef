"""Two admins with the same form open: the second to save is told what has changed."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import local_date, make_yearly_rule
from pointsync.ledger.rewards import levels
from tests.admin.page_text import field_errors
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

RESERVE = "/points-and-rewards/reserves/default"


@dataclass(frozen=True)
class Case:
    """A form, what its first admin saves, what the second one has typed, and what is told at which field."""

    page: str
    first: dict[str, str]
    second: dict[str, str]
    messages: dict[str, str]


SETTINGS = {"max_attempts": "10", "delay_seconds": "180", "statistics_days": "31", "warning_days": "7"}
GENERAL = {"site_name": "Shop one", "public_url": "", "time_zone": "UTC"}
YEARLY = {"kind": "yearly", "count": "", "unit": "months", "on": "12-31"}
CASES = {
    "general": Case(
        "/system/general",
        GENERAL | {"time_zone": "Asia/Tokyo"},
        GENERAL | {"public_url": "https://mugs.example"},
        {"time_zone": "changed to 'Asia/Tokyo'"},
    ),
    "advanced settings": Case(
        "/system/points-sync",
        SETTINGS | {"max_attempts": "20"},
        SETTINGS | {"max_attempts": "30", "warning_days": "8"},
        {"max_attempts": "changed to '20'"},
    ),
    "reserve": Case(
        f"{RESERVE}/edit",
        {"name": "Gold points", "is_active": "y"},
        {"name": "Points", "is_active": "y", "may_go_below_zero": "y"},
        {"name": "changed to 'Gold points'"},
    ),
    "level": Case(
        f"{RESERVE}/levels/1/edit",
        {"title": "Silver", "points": "500", "description": "", "is_active": ""},
        {"title": "Silver", "points": "600", "description": "", "is_active": "y"},
        {"is_active": "switched off"},
    ),
    "expiry": Case(
        f"{RESERVE}/expiry",
        {"kind": "none", "count": "", "unit": "months", "on": ""},
        YEARLY | {"on": "06-30"},
        {"kind": "changed to 'none'", "on": "changed to ''"},
    ),
}


def create_data(app: Flask) -> None:
    """A level, and a rule of expiry."""

    def change(session: Session) -> None:
        now = clock.now()
        reserve = reserves.get(session, "default")
        levels.create(session, reserve, "Silver", "", 500, now)
        rules.set_rule(session, reserve, make_yearly_rule(12, 31, local_date(now, ZoneInfo("UTC"))))

    run_in_transaction(app, change)


def hidden_fields(text: str) -> str:
    """What a browser sends along without showing it."""
    found = re.search(r'<input[^>]* name="original_digests"[^>]* value="([0-9a-f.]+)">', text)
    assert found
    return found[1]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_second_is_told_and_may_save_once_more(app: Flask, ada: PanelClient, case: Case) -> None:
    create_data(app)
    opened = hidden_fields(ada.get(case.page).text)
    assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303
    digests_now = hidden_fields(ada.get(case.page).text)

    answer = ada.send(case.page, original_digests=opened, **case.second)
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert set(errors) == set(case.messages)
    for name, words in case.messages.items():
        assert errors[name] == f"Meanwhile it was {words}. Save once more to put this in its place."
    assert hidden_fields(ada.get(case.page).text) == digests_now, "nothing has changed"

    assert ada.send(case.page, original_digests=hidden_fields(answer.text), **case.second).status_code in (200, 303)


def test_the_same_typed_twice_is_no_conflict(app: Flask, ada: PanelClient) -> None:
    case = CASES["advanced settings"]
    opened = hidden_fields(ada.get(case.page).text)
    for _ in range(2):
        assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303


def test_a_preview_keeps_what_was_seen(app: Flask, ada: PanelClient) -> None:
    create_data(app)
    case = CASES["expiry"]
    opened = hidden_fields(ada.get(case.page).text)
    shown = ada.send(case.page, original_digests=opened, **case.second)
    assert "What would be lost" in shown.text
    assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303
    confirmed = ada.send(case.page, confirmed="1", original_digests=hidden_fields(shown.text), **case.second)
    assert confirmed.status_code == 422
    assert run_in_transaction(app, lambda session: rules.get_rule(session, reserves.get(session, "default"))) is None

"""Two admins with the same form open: the second one sees what has changed before overwriting it."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import make_yearly_rule
from pointsync.ledger.rewards import levels
from tests.admin.page_text import field_errors
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

RESERVE = "/points-and-rewards/reserves/default"


@dataclass(frozen=True)
class Case:
    """A form, what the first admin saves, what the second one sends, and the messages by field."""

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
    """Create a level and an expiry rule."""

    def change(session: Session) -> None:
        now = clock.now()
        reserve = reserves.get(session, "default")
        levels.create(session, reserve, "Silver", "", 500, now)
        rules.set_rule(session, reserve, make_yearly_rule(12, 31, clock.local_date(now, ZoneInfo("UTC"))))

    run_in_transaction(app, change)


def original_digests(text: str) -> str:
    """The form's hidden field with the digests of its values."""
    found = re.search(r'<input[^>]* name="original_digests"[^>]* value="([0-9a-f.]+)">', text)
    assert found
    return found[1]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_second_admin_sees_the_change_and_may_save_again(app: Flask, ada: PanelClient, case: Case) -> None:
    create_data(app)
    opened = original_digests(ada.get(case.page).text)
    assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303
    digests_now = original_digests(ada.get(case.page).text)

    answer = ada.send(case.page, original_digests=opened, **case.second)
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert set(errors) == set(case.messages)
    for name, change in case.messages.items():
        assert errors[name] == f"In the meantime this was {change}. Save again to overwrite it."
    assert original_digests(ada.get(case.page).text) == digests_now, "nothing has changed"

    assert ada.send(case.page, original_digests=original_digests(answer.text), **case.second).status_code in (200, 303)


def test_saving_the_same_values_is_no_conflict(app: Flask, ada: PanelClient) -> None:
    case = CASES["advanced settings"]
    opened = original_digests(ada.get(case.page).text)
    for _ in range(2):
        assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303


def test_a_preview_keeps_the_digests(app: Flask, ada: PanelClient) -> None:
    create_data(app)
    case = CASES["expiry"]
    opened = original_digests(ada.get(case.page).text)
    preview = ada.send(case.page, original_digests=opened, **case.second)
    assert "Expiry preview" in preview.text
    assert ada.send(case.page, original_digests=opened, **case.first).status_code == 303
    confirmed = ada.send(case.page, confirmed="1", original_digests=original_digests(preview.text), **case.second)
    assert confirmed.status_code == 422
    assert run_in_transaction(app, lambda session: rules.get_rule(session, reserves.get(session, "default"))) is None

"""A site is blocked, its movements are previewed and reversed, and it is unblocked: in dialogs, in one walk."""

from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.schedule import ticks
from pointsync.sync.remotes import blocked_origins
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.apps import get_reserve

AUTH = "wrk_" + "a" * 16
LONG = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters.example"


@BOTH_WIDTHS
@pytest.mark.long
def test_blocked_reversed_and_unblocked(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote(session, "https://tea.example", AUTH).name = "Tea shop"
        incoming = [
            IncomingMovement("1", LONG, 1200),
            IncomingMovement("2", LONG, -30),
            IncomingMovement("3", "b@x.example", -5),
        ]
        apply(session, AUTH, get_reserve(session), incoming, clock.now() - timedelta(days=1))
    sign_in_first_admin(page, url, app, "/system/points-sync")
    console_errors = collect_console_errors(page)
    choose_action(page, "Tea shop", "Block…")
    check_page(page, "dialog-block")
    page.get_by_label("Reason").fill("The key was stolen")
    page.get_by_label("Reverse movements received since").fill("2026-01-01")
    page.get_by_role("button", name="Block it").click()
    expect(page.get_by_role("heading", name="Preview of the reversal")).to_be_visible()
    check_page(page, "reversal-preview")
    page.get_by_role("button", name="Reverse 3 movements").click()
    expect(page.get_by_text("0 of 3").first).to_be_visible()
    check_page(page, "network-reversing")
    with app.app_context():
        ticks.run_reversals()
        db.run_in_transaction(lambda session: blocked_origins.refuse_origin(session, AUTH, clock.now()))
    page.goto(f"{url}/")
    expect(page.get_by_text("blocked but still calls")).to_be_visible()
    page.goto(f"{url}/system/network")
    expect(page.get_by_text("3 of 3").first).to_be_visible()
    check_page(page, "network-blocked")
    follow_link(page, "Block a site")
    check_page(page, "dialog-block-typed")
    page.keyboard.press("Escape")
    choose_action(page, "Tea shop", "Reverse movements…")
    check_page(page, "dialog-reversal")
    page.keyboard.press("Escape")
    choose_action(page, "Tea shop", "Unblock…")
    check_page(page, "dialog-unblock")
    page.get_by_role("button", name="Unblock it").click()
    expect(page.get_by_text("Block a site if it was sold")).to_be_visible()
    assert console_errors == []

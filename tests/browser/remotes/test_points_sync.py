"""Points Sync. and Network: each page, each dialog, and the forms as plain pages."""

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.models import Backfill, Origin, Remote, Site
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

LONG = "Łódź Grüße und Café de l’Île — מכולת השכונה — the shop with the longest name of them all, Ltd."
HOST = "a-very-long-host-name-that-goes-on-and-on.and-on.example.museum"


@pytest.fixture
def signed_in(page: Page, url: str, app: Flask) -> Page:
    """Ada, signed in at a site with five remotes; one has long texts and every problem."""
    with app.app_context(), db.transaction() as session:
        lines = sample_remotes.add_remote_of_each_status(session)
        sample_remotes.add_reserve(session, "a-long-reserve-key-that-somebody-thought-a-good-idea")
        last = sample_remotes.add_remote(
            session,
            f"https://{HOST}/with/a/path/that/is/long/too",
            "wrk_" + "a" * 16,
            "a-long-reserve-key-that-somebody-thought-a-good-idea",
        )
        last.name, last.target = LONG, "another-very-long-key-on-the-other-side-of-the-world"
        last.status, last.paused_at, last.last_failure_at = "error", clock.now(), clock.now()
        last.status_text = (
            f"{HOST} answered with a page of its own, as firewalls do: make an exception for /pointsync/."
        )
        last.last_error = "Something else happened before that."
        sample_remotes.record_waiting(session, 3)
        session.add(
            Backfill(
                remote_id=1, next_seq=5, last_seq=100, total=12_340, done=4_999, started_at=sample_remotes.CREATED_AT
            )
        )
        own = session.get_one(Site, 1)
        for line in lines[1:]:
            line.dialect, line.checked_at = "pointsync", sample_remotes.CREATED_AT
            line.facts = {"version": "0.1.0", "lists": [own.auth], "reserves": [{"key": "default", "name": "Points"}]}
        session.add(Origin(auth="wrk_eeeeeeeeeeeeeeee", first_seen_at=clock.now(), last_seen_at=clock.now()))
    sign_in_first_admin(page, url, app, "/system/points-sync")
    return page


def test_the_tab(signed_in: Page) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    expect(page.get_by_role("row")).to_have_count(6)
    expect(page.get_by_text("4,999 of 12,340").first).to_be_visible()
    check_page(page, "points-sync")
    page.get_by_role("textbox", name="Max sync. attempt").fill("many")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Type a whole number from 1 to 1,000.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Max sync. attempt")).to_be_focused()
    check_page(page, "points-sync-wrong")
    page.get_by_role("button", name="Show Your Secret Pass").click()
    check_page(page, "points-sync-shown")
    page.locator("summary[aria-label='Help on Max sync. attempt']").click()
    check_page(page, "points-sync-help")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Collapse all").click()
    expect(page.get_by_role("textbox", name="Max sync. attempt")).not_to_be_visible()
    check_page(page, "points-sync-folded")
    page.goto(page.url.replace("/secrets/pass", ""))
    expect(page.get_by_role("textbox", name="Max sync. attempt")).not_to_be_visible()
    button = page.get_by_role("button", name="Expand all")
    minus, plus = button.locator("svg").all()
    expect(plus).to_be_visible()
    expect(minus).to_be_hidden()
    button.click()
    expect(page.get_by_role("textbox", name="Max sync. attempt")).to_be_visible()
    expect(page.get_by_role("button", name="Collapse all").locator("svg").first).to_be_visible()
    assert console_errors == []


@BOTH_WIDTHS
def test_its_dialogs(signed_in: Page) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    follow_link(page, "Add")
    expect(page.get_by_role("dialog")).to_be_visible()
    check_page(page, "dialog-add")
    page.get_by_label("Sharing key").last.fill("shop.example|wrk_0123456789abcdef:wrs_0123")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The sharing key is incomplete or changed")).to_be_visible()
    expect(page.get_by_label("Sharing key").last).to_be_focused()
    expect(page.get_by_label("Sharing key").last).to_have_value("")
    check_page(page, "dialog-add-wrong")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="Add", exact=True)).to_be_focused()

    menu = page.locator("summary[aria-label='Actions for Shop 3']")
    menu.click()
    check_page(page, "menu")
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    menu.click()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Auth.")).to_have_value("wrk_0000000000000003")
    expect(page.get_by_label("Pass.")).to_have_value("")
    check_page(page, "dialog-edit")
    page.get_by_role("link", name="Cancel").first.click()
    menu.click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("3 movements are waiting for it and would not be sent.")).to_be_visible()
    check_page(page, "dialog-delete")
    page.get_by_role("button", name="Discard 3 and delete").click()
    expect(page.get_by_text("Shop 3 is deleted.")).to_be_visible()
    assert console_errors == []


def test_plain_pages(signed_in: Page, app: Flask, url: str) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    with app.app_context(), db.transaction() as session:
        session.get_one(
            Site, 1
        ).hold = "The database was last used at https://old.example, but this site's public URL is another one."
        remote = session.get_one(Remote, 4)
        remote.check_code, remote.check_message, remote.url = "certificate", f"{HOST} has expired.", f"https://{HOST}"
        remote.dialect = None
    page.goto(f"{url}/system/points-sync?saved=4")
    expect(page.get_by_role("button", name="Use http:// instead")).to_be_visible()
    check_page(page, "points-sync-held")
    for path, name in {
        "remotes/add": "add",
        "remotes/5/edit": "edit",
        "remotes/5/delete": "delete",
    }.items():
        page.goto(f"{url}/system/points-sync/{path}")
        check_page(page, f"page-{name}")
    for what in ("moved", "restored", "copy"):
        page.goto(f"{url}/system/hold/{what}")
        check_page(page, f"page-hold-{what}")
    assert console_errors == []


def test_the_network(signed_in: Page, url: str) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    page.goto(f"{url}/system/network")
    expect(page.get_by_text("Something is missing:")).to_be_visible()
    expect(page.get_by_role("table", name="Unlisted senders")).to_contain_text("wrk_eeeeeeeeeeeeeeee")
    check_page(page, "network")
    page.get_by_label("Time between two checks").fill("1")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Type a whole number from 5 to 60.")).to_be_visible()
    check_page(page, "network-wrong")
    page.get_by_label("Time between two checks").fill("60")
    page.get_by_label("Accept only listed sites").check()
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Accept only listed sites")).to_be_checked()
    assert console_errors == []

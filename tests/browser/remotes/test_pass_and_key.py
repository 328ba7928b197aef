"""Change the Pass, and decide about the new key of a site: in dialogs, and on plain pages."""

from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.crypto import format_fingerprint, new_signing_key
from pointsync.models import Origin, Remote
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

AUTH = "wrk_" + "a" * 16
LONG = "Łódź Grüße und Café de l’Île — מכולת השכונה — the shop with the longest name of them all, Ltd."
PINNED, NEW = (new_signing_key()[1] for _ in range(2))
CHANGED = "The site at https://tea.example signs with a different key than before. Ask its admin, then accept it."


@pytest.fixture
def signed_in(page: Page, url: str, app: Flask) -> Page:
    """Ada, at a site that two others have called; one of them now answers with another key."""
    with app.app_context(), db.transaction() as session:
        line = sample_remotes.add_remote(session, "http://127.0.0.1:1", AUTH)
        line.name, line.status, line.status_text, line.check_code = "Tea shop", "error", CHANGED, "changed_key"
        sample_remotes.add_remote(session, "https://long.example", "wrk_" + "b" * 16).name = LONG
        origin = session.get_one(Origin, AUTH)
        origin.public_key, origin.is_key_proven, origin.offered_key = PINNED, True, NEW
        for each in session.query(Origin):
            each.last_seen_at = clock.now() - timedelta(hours=1)
    sign_in_first_admin(page, url, app, "/system/points-sync")
    return page


@BOTH_WIDTHS
def test_the_pass_is_changed_and_the_old_one_ended(signed_in: Page) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    follow_link(page, "Change the Pass")
    expect(page.get_by_role("radio", name="Valid for 24 more hours")).to_be_focused()
    check_page(page, "dialog-pass")
    page.get_by_role("button", name="Change the Pass").click()
    expect(page.get_by_role("dialog").get_by_text("These sites still use it")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text(LONG)).to_be_visible()
    check_page(page, "dialog-pass-changed")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("The old Pass is valid until")).to_be_visible()
    check_page(page, "points-sync-old-pass")
    follow_link(page, "End the old Pass now")
    expect(page.get_by_text("These sites still use the old Pass.")).to_be_visible()
    check_page(page, "dialog-pass-end")
    page.get_by_role("button", name="End it now").click()
    expect(page.get_by_text("The old Pass has ended. Calls with it are now refused.")).to_be_visible()
    expect(page.get_by_text("What these sites send is refused")).to_be_visible()
    check_page(page, "points-sync-ended-pass")
    assert console_errors == []


@BOTH_WIDTHS
def test_a_new_key_is_refused_and_then_accepted(signed_in: Page, app: Flask) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    check_page(page, "points-sync-new-key")
    follow_link(page, "Review its new key: Tea shop")
    expect(page.get_by_text(format_fingerprint(NEW))).to_be_visible()
    check_page(page, "dialog-key")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Choose one of the two options.")).to_be_visible()
    check_page(page, "dialog-key-wrong")
    page.get_by_role("radio", name="Refuse it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The new key is refused. Nothing is sent to Tea shop")).to_be_visible()
    choose_action(page, "Tea shop", "Refused key")
    expect(page.get_by_text("You can still accept it.")).to_be_visible()
    check_page(page, "dialog-key-refused")
    page.get_by_role("radio", name="Accept this key").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("refused the connection").first).to_be_visible()
    with app.app_context():
        assert db.session.get_one(Origin, AUTH).public_key == NEW
        assert db.session.get_one(Remote, 1).check_code == "refused_connection"
    assert console_errors == []


@BOTH_WIDTHS
def test_a_key_that_is_not_proven(signed_in: Page, url: str, app: Flask) -> None:
    """An answer without a proof of the Pass, and then a key that only the site's calls have used."""
    page, console_errors = signed_in, collect_console_errors(signed_in)
    for is_from_calls, text in ((False, "does not prove that it knows the Pass"), (True, "has called this site")):
        with app.app_context(), db.transaction() as session:
            origin = session.get_one(Origin, AUTH)
            origin.set_key(PINNED if is_from_calls else None, is_proven=False)
            origin.offered_key = None if is_from_calls else NEW
            session.get_one(Remote, 1).check_code = "not_a_site" if is_from_calls else "unproven_key"
        page.goto(f"{url}/system/points-sync?checked=1")
        follow_link(page, "Review its new key: Tea shop") if is_from_calls else choose_action(
            page, "Tea shop", "New key"
        )
        expect(page.get_by_text(text)).to_be_visible()
        check_page(page, f"dialog-key-{'of-calls' if is_from_calls else 'unproven'}")
    assert console_errors == []


def test_plain_pages(signed_in: Page, url: str) -> None:
    page, console_errors = signed_in, collect_console_errors(signed_in)
    for path, name in {"pass/change": "pass", "remotes/1/key": "key"}.items():
        page.goto(f"{url}/system/points-sync/{path}")
        check_page(page, f"page-{name}")
    page.goto(f"{url}/system/points-sync/pass/change")
    page.get_by_role("radio", name="Ends at once").check()
    page.get_by_role("button", name="Change the Pass").click()
    expect(page.get_by_role("heading", name="The Pass is changed")).to_be_visible()
    check_page(page, "page-pass-changed")
    assert console_errors == []

"""System › Audit log in a browser."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.accounts import sign_ins
from pointsync.models import Reserve
from pointsync.sync.site import settings
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

PAGE = "/system/audit"
LONG = "a-very-long-word-without-any-space-" * 5 + "<script>alert(1)</script>"


def create_audit_rows(app: Flask) -> None:
    """Create entries of several kinds, by a person, a command and the site itself."""
    with app.app_context():
        db.set_actor(db.Actor("Max", "command", ""))
        with db.transaction() as session:
            settings.change(session, "max_attempts", "12")
            session.add(Reserve(key="gold", name=LONG, created_at=clock.now()))
        with db.transaction() as session:
            settings.change(session, "max_attempts", "15")
        db.set_actor(db.Actor("", "nobody", "2001:db8::7"))
        with db.transaction() as session:
            sign_ins.log_failure(session, "Ada", clock.now())


def test_the_log(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, PAGE)
    create_audit_rows(app)
    page.reload()
    expect(page.get_by_text("Max changed Max sync. attempt from 12 to 15")).to_be_visible()
    for details in page.locator("main details summary").filter(has_text="Details").all():
        details.click()
    check_page(page, "audit")
    page.get_by_label("Who").select_option("Max")
    page.get_by_label("What", exact=True).select_option("reserve")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.goto(f"{url}{PAGE}?until=2020-01-01")
    expect(page.get_by_text("No results.")).to_be_visible()
    check_page(page, "audit-nothing")
    page.goto(f"{url}{PAGE}?since=2026-02-02&until=2026-02-01")
    expect(page.get_by_text("before the first one")).to_be_visible()
    check_page(page, "audit-wrong")
    assert [each for each in console_errors if "422" not in each] == []

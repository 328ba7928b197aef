"""Expiry of a points reserve in a browser: from the list to the preview, and switched on; as a dialog and as a page."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.ledger.expiry import rules
from pointsync.ledger.record import Draft, record
from tests.browser.navigation import choose_action, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

PAGE = "/points-and-rewards"
LONG = "a-customer-with-quite-a-long-name.and-more-of-it@a-very-long-name-for-a-domain.example"


def create_customers(app: Flask) -> None:
    """Customers with points of some months and years ago."""
    now = clock.now()
    with app.app_context(), db.transaction() as session:
        drafts = [
            Draft(f"c{number}@shop.test", points=40 * (number + 1), at=now - timedelta(days=60 * number))
            for number in range(12)
        ]
        record(session, [*drafts, Draft(LONG, points=1_234_567, at=now - timedelta(days=900))], "test", now)


def active_rule_kinds(app: Flask) -> list[str]:
    """The rules that are on."""
    with app.app_context(), db.transaction() as session:
        return [rule.kind for rule in rules.rules_by_reserve_id(session).values()]


def test_a_rule_is_looked_at_and_switched_on(page: Page, url: str, app: Flask) -> None:
    heard = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, PAGE)
    choose_action(page, "Points", "Expiry")
    dialog = page.get_by_role("dialog", name="Expiry of Points")
    check_page(page, "expiry")
    dialog.get_by_label("Some time after they were given").check()
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_text("Type a whole number from 1 to 1,200")).to_be_visible()
    expect(dialog.get_by_label("Time", exact=True)).to_be_focused()
    check_page(page, "expiry-wrong")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="What would be lost")
    expect(dialog.get_by_text("At once 8 customers would lose")).to_be_visible()
    assert active_rule_kinds(app) == []
    check_page(page, "expiry-preview")
    dialog.get_by_role("button", name="Back to the form").click()
    dialog = page.get_by_role("dialog", name="Expiry of Points")
    expect(dialog.get_by_label("Time", exact=True)).to_have_value("9")
    dialog.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog", name="What would be lost").get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("are lost by the new rule from today on")).to_be_visible()
    expect(page.get_by_role("row", name="Points").get_by_text("9 months after they were given")).to_be_visible()
    check_page(page, "expiry-on")
    assert active_rule_kinds(app) == ["transactional"]
    assert heard == []


def test_it_works_without_a_script(page_without_scripts: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page_without_scripts, url, app, f"{PAGE}/reserves/default/expiry")
    page_without_scripts.get_by_label("Each year on the same day").check()
    page_without_scripts.get_by_label("Day of the year").fill("12-31")
    page_without_scripts.get_by_role("button", name="Go on").click()
    expect(page_without_scripts.get_by_text("Nobody would lose anything at once.")).to_be_visible()
    page_without_scripts.get_by_role("button", name="Switch on").click()
    expect(page_without_scripts.get_by_text("are lost by the new rule from today on")).to_be_visible()
    assert active_rule_kinds(app) == ["yearly"]


def test_the_sheets_as_pages(page: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page, url, app, f"{PAGE}/reserves/default/expiry")
    check_page(page, "expiry-page")
    page.get_by_label("When nothing has moved for some time").check()
    page.get_by_label("Time", exact=True).fill("6")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="What would be lost")).to_be_visible()
    check_page(page, "expiry-preview-page")

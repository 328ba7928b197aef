"""The expiry rule of a points reserve in a browser: the form and the preview, as dialogs and as pages."""

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
    """Create customers with points from some months and years ago."""
    now = clock.now()
    with app.app_context(), db.transaction() as session:
        drafts = [
            Draft(f"c{number}@shop.test", points=40 * (number + 1), at=now - timedelta(days=60 * number))
            for number in range(12)
        ]
        record(session, [*drafts, Draft(LONG, points=1_234_567, at=now - timedelta(days=900))], "test", now)


def active_rule_kinds(app: Flask) -> list[str]:
    """The kinds of the saved rules."""
    with app.app_context(), db.transaction() as session:
        return [rule.kind for rule in rules.rules_by_reserve_id(session).values()]


def test_a_rule_is_previewed_and_saved(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, PAGE)
    choose_action(page, "Points", "Expiry")
    dialog = page.get_by_role("dialog", name="Expiry of Points")
    check_page(page, "expiry")
    dialog.get_by_label("Some time after they were earned").check()
    dialog.get_by_role("button", name="Preview").click()
    expect(dialog.get_by_text("Type a whole number from 1 to 1,200")).to_be_visible()
    expect(dialog.get_by_label("Time", exact=True)).to_be_focused()
    check_page(page, "expiry-error")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Expiry preview")
    expect(dialog.get_by_text("8 customers would lose")).to_be_visible()
    assert active_rule_kinds(app) == []
    check_page(page, "expiry-preview")
    dialog.get_by_role("button", name="Back to the form").click()
    dialog = page.get_by_role("dialog", name="Expiry of Points")
    expect(dialog.get_by_label("Time", exact=True)).to_have_value("9")
    dialog.get_by_role("button", name="Preview").click()
    page.get_by_role("dialog", name="Expiry preview").get_by_role("button", name="Save the rule").click()
    expect(page.get_by_text("The expiry rule of Points applies from today.")).to_be_visible()
    expect(page.get_by_role("row", name="Points").get_by_text("9 months after they were earned")).to_be_visible()
    check_page(page, "expiry-on")
    assert active_rule_kinds(app) == ["transactional"]
    assert console_errors == []


def test_without_scripts(page_without_scripts: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page_without_scripts, url, app, f"{PAGE}/reserves/default/expiry")
    page_without_scripts.get_by_label("Every year on the same day").check()
    page_without_scripts.get_by_label("Day of the year").fill("12-31")
    page_without_scripts.get_by_role("button", name="Preview").click()
    expect(page_without_scripts.get_by_text("No points would expire at once.")).to_be_visible()
    page_without_scripts.get_by_role("button", name="Save the rule").click()
    expect(page_without_scripts.get_by_text("The expiry rule of Points applies from today.")).to_be_visible()
    assert active_rule_kinds(app) == ["yearly"]


def test_the_sheets_as_pages(page: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page, url, app, f"{PAGE}/reserves/default/expiry")
    check_page(page, "expiry-page")
    page.get_by_label("After inactivity").check()
    page.get_by_label("Time", exact=True).fill("6")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Expiry preview")).to_be_visible()
    check_page(page, "expiry-preview-page")

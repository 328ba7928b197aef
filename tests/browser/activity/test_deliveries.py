"""System › Activity in a browser: the lists, their filters and forms, by mouse and by keyboard."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.models import Attempt, Delivery, DeliveryState, Remote
from tests.admin import sample_deliveries
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

PAGE = "/system/activity"
LONG = "The shop of tea, coffee and all that is drunk from mugs, at the corner of the market place, Ltd."
HOSTILE_TEXT = "a-very-long-word-without-any-space-" * 6 + "<script>alert(1)</script>"


def create_deliveries(app: Flask) -> None:
    """Create deliveries in each state, long names and texts, attempts and status changes."""
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_all_states(session)
        sample_deliveries.record_points(
            session, 1_234_567, customer="somebody-with-a-long-name.and-another@a-long-domain.example.museum"
        )
        sample_deliveries.record_points(session, 8, reason=HOSTILE_TEXT)
        sample_deliveries.set_delivery_state(session, 8, DeliveryState.FAILED, attempts=1, message=HOSTILE_TEXT)
        sample_deliveries.overdraw(session, 100, 2_000_000)
        sample_deliveries.add_attempts(session)
        sample_deliveries.add_status_changes(session)
        session.get_one(Attempt, 3).message = HOSTILE_TEXT
        session.get_one(Remote, 1).name = LONG


def delivery_states(app: Flask) -> list[DeliveryState]:
    """The states of the deliveries, oldest first."""
    with app.app_context(), db.transaction() as session:
        return [DeliveryState(each.state) for each in session.query(Delivery).order_by(Delivery.id)]


def test_the_empty_lists(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, PAGE)
    for words, sentence in (
        ("Deliveries", "No deliveries yet."),
        ("Below zero", "Nobody went below zero."),
        ("Attempts", "No attempts yet."),
        ("Status changes", "No changes yet."),
    ):
        page.get_by_role("navigation", name="Activity").get_by_role("link", name=words).click()
        expect(page.get_by_text(sentence)).to_be_visible()
        check_page(page, f"activity-empty-{words.split()[0].lower()}")
    assert console_errors == []


def test_the_lists(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_role("row")).to_have_count(8)
    check_page(page, "activity")
    for words, count in (("Below zero", 4), ("Attempts", 7), ("Status changes", 3)):
        page.get_by_role("navigation", name="Activity").get_by_role("link", name=words).click()
        expect(page.get_by_role("row")).to_have_count(count)
        check_page(page, f"activity-{words.split()[0].lower()}")
    assert console_errors == []


def test_the_filter(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, PAGE)
    page.get_by_label("Remote", exact=True).select_option(LONG)
    page.get_by_label("Status", exact=True).select_option("Refused")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("button", name="Retry now")).to_be_visible()
    check_page(page, "activity-filter")
    page.get_by_label("Customer's e-mail").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text('"nobody" is not a valid e-mail address')).to_be_visible()
    expect(page.get_by_label("Customer's e-mail")).to_be_focused()
    expect(page.get_by_label("Status", exact=True)).to_have_value("failed")
    check_page(page, "activity-filter-wrong")
    page.get_by_label("Customer's e-mail").fill("ben@shop.test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No results.")).to_be_visible()
    check_page(page, "activity-filter-nothing")
    page.goto(f"{url}{PAGE}?cursor=broken")
    expect(page.get_by_text("This address does not lead to a page of this list")).to_be_visible()
    check_page(page, "activity-cursor")
    page.get_by_role("link", name="Show the first page").click()
    expect(page.get_by_role("row")).to_have_count(8)
    assert console_errors == []


def test_refused_movements(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, f"{PAGE}?state=failed")
    page.get_by_label("Actions for +8 of").press("Enter")
    page.get_by_role("link", name="Set aside").press("Enter")
    dialog = page.get_by_role("dialog", name="Set this movement aside?")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type a reason.")).to_be_visible()
    check_page(page, "activity-aside")
    dialog.get_by_label("Reason").fill("Given by hand.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Set aside. It will not be sent")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?state=failed$"))

    page.wait_for_load_state()
    page.get_by_label("Actions for +2 of").click()
    page.get_by_role("link", name="Correct here").click()
    dialog = page.get_by_role("dialog", name="Correct this here?")
    expect(dialog.get_by_text("a correction of −2")).to_be_visible()
    check_page(page, "activity-correct")
    dialog.get_by_role("button", name="Correct here").click()
    expect(page.get_by_text("Corrected here by movement")).to_be_visible()
    expect(page.get_by_text("No results.")).to_be_visible()
    assert [state.value for state in delivery_states(app)] == [
        "delivered", "aside", "unknown", "aside", "pending", "pending", "aside",
    ]  # fmt: skip
    assert console_errors == []


@BOTH_WIDTHS
def test_selecting(page: Page, url: str, app: Flask, width: int) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_text("0 selected")).to_be_visible()
    if width > 1024:
        page.get_by_label("Select all refused movements").check()
    else:
        for box in page.get_by_label(re.compile("^Select [+]")).all():
            box.check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    check_page(page, "activity-selected")
    page.get_by_role("button", name="Send selected again").click()
    expect(page.get_by_text("Sending 2 movements again now.")).to_be_visible()
    assert delivery_states(app).count(DeliveryState.FAILED) == 0
    assert console_errors == []


def test_a_correction_below_zero(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, f"{PAGE}/below-zero")
    page.get_by_role("link", name="Correct: −100 of").click()
    dialog = page.get_by_role("dialog", name="Correct this on all sites?")
    expect(dialog.get_by_text("brings the balance to 0")).to_be_visible()
    check_page(page, "activity-below-correct")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Correct: −100 of")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Correct").click()
    expect(page.get_by_text("The balance is now 0. The correction goes to all sites.")).to_be_visible()
    check_page(page, "activity-below-corrected")
    assert console_errors == []


def test_a_declared_difference(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_deliveries(app)
    sign_in_first_admin(page, url, app, f"{PAGE}/below-zero")
    page.get_by_role("link", name="Correct: −100 of").click()
    page.get_by_role("dialog").get_by_role("link", name="Correct here only").click()
    expect(page.get_by_text("The other sites keep their balance.")).to_be_visible()
    check_page(page, "activity-below-correct-here")
    page.get_by_role("button", name="Correct here only").click()
    expect(page.get_by_text("The correction stays on this site, and is listed")).to_be_visible()
    page.get_by_role("link", name="Declared differences").click()
    expect(page.get_by_role("row", name="The balance was below zero")).to_be_visible()
    check_page(page, "activity-declared-differences")
    assert console_errors == []


def test_it_works_without_a_script(page_without_scripts: Page, url: str, app: Flask) -> None:
    page = page_without_scripts
    create_deliveries(app)
    sign_in_first_admin(page, url, app, f"{PAGE}?state=failed")
    page.get_by_label("Actions for +8 of").click()
    page.get_by_role("link", name="Set aside").click()
    page.get_by_label("Reason").fill("Given by hand.")
    page.get_by_role("button", name="Set aside").click()
    expect(page.get_by_text("Set aside. It will not be sent")).to_be_visible()
    page.get_by_label(re.compile("^Select [+]2")).check()
    page.get_by_role("button", name="Send selected again").click()
    expect(page.get_by_text("Sending 1 movement again now.")).to_be_visible()

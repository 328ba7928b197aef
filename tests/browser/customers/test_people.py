"""A customer's addresses, duplicates, and the stored data about a customer, in a browser; by keyboard alone."""

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.people import find_alike, pairs
from pointsync.ledger.record import Draft, record
from tests.admin.sample_customers import LONG_EMAIL, create_customer_history
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.site_template import run_in_transaction

ANNA, BOB, ALIKE = "anna@shop.test", "bob@shop.test", "an.na+tea@shop.test"


def create_customers(app: Flask) -> None:
    """A customer with a history, another one, and two with alike addresses."""
    create_customer_history(app)

    def more(session: Session) -> None:
        now = clock.now()
        for email in (ANNA, BOB, ALIKE, LONG_EMAIL, "bo.b@shop.test"):
            record(session, [Draft(email, 7)], "test", now)
        while find_alike.process_next_chunk(session, now):
            pass
        pairs.note_asked(session, BOB, LONG_EMAIL, "api:The tea shop", now)

    run_in_transaction(app, more)


def press_link(page: Page, name: str) -> None:
    """Open a link or press a button as somebody without a mouse does: go to it with Tab, and press Enter."""
    page.wait_for_load_state()
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText.trim()").split("\n")[0].startswith(name):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no {name} to go to")


def test_renamed_merged_and_unmerged_by_keyboard(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers?q=bob")
    press_link(page, BOB)
    expect(page.get_by_role("heading", name=BOB)).to_be_visible()
    press_link(page, "Change address")
    expect(page.get_by_label("New e-mail")).to_be_focused()
    check_page(page, "customer-rename")
    page.keyboard.type(ANNA)
    page.keyboard.press("Enter")
    expect(page.get_by_text("belongs to another customer")).to_be_visible()
    check_page(page, "customer-rename-refused")
    page.get_by_label("New e-mail").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("bob@new.test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("was renamed to bob@new.test")).to_be_visible()
    press_link(page, "Merge")
    expect(page.get_by_label("E-mail of the other customer")).to_be_focused()
    check_page(page, "customer-merge")
    page.keyboard.type(LONG_EMAIL)
    page.keyboard.press("Enter")
    expect(page.get_by_text("was merged into")).to_be_visible()
    check_page(page, "customer-with-addresses")
    press_link(page, "Undo merge")
    expect(page.get_by_role("heading", name="Undo this merge?")).to_be_visible()
    check_page(page, "customer-undo-merge")
    press_link(page, "Undo merge")
    expect(page.get_by_text("are two customers again")).to_be_visible()
    assert console_errors == []


def test_duplicates_by_keyboard(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers")
    press_link(page, "Duplicates")
    expect(page.locator("tbody tr")).to_have_count(3)
    check_page(page, "duplicates")
    press_link(page, "Not the same")
    expect(page.locator("tbody tr")).to_have_count(2)
    press_link(page, "Merge")
    expect(page.get_by_label("E-mail of the other customer")).to_be_focused()
    check_page(page, "duplicates-merge")
    page.keyboard.press("Enter")
    expect(page.get_by_text("was merged into")).to_be_visible()
    page.goto(f"{url}/customers/duplicates")
    press_link(page, "Not the same")
    expect(page.get_by_text("No duplicates.")).to_be_visible()
    check_page(page, "duplicates-none")
    assert console_errors == []


def test_stored_data(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers?q=anna@")
    press_link(page, ANNA)
    expect(page.get_by_role("heading", name=ANNA)).to_be_visible()
    press_link(page, "Stored data")
    expect(page.get_by_role("heading", name="Movements")).to_be_visible()
    check_page(page, "customer-stored-data")
    with page.expect_download() as download:
        press_link(page, "Download CSV")
    assert download.value.suggested_filename.endswith(".csv")
    press_link(page, "Collect from all sites")
    expect(page.get_by_text("On this site, and on the other sites")).to_be_visible()
    check_page(page, "customer-stored-data-all-sites")
    assert console_errors == []

"""Activity › Changes of customers in a browser: the list, its menu by keyboard, and the customer's page."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock
from pointsync.ledger.people import people
from pointsync.ledger.record import Draft, record
from pointsync.models import Remote
from tests.admin.activity.test_customer_changes import ALICE, BOB, NEW, PAGE, make, receive_changes
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.remote_rows import add_remote
from tests.support.site_template import run_in_transaction


def test_the_list_and_the_customers_page(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    with app.app_context():
        remote_id = add_remote("wrk_0123456789abcdef")
    run_in_transaction(app, lambda session: setattr(session.get_one(Remote, remote_id), "takes_changes", True))
    run_in_transaction(app, lambda session: record(session, [Draft(ALICE, 5), Draft(BOB, 7)], "test", clock.now()))
    customer = run_in_transaction(app, lambda session: people.rename(session, ALICE, NEW, clock.now()).id)
    receive_changes(app, make(7, "merge", BOB, NEW), needs_approval=True)
    sign_in_first_admin(page, url, app, PAGE)
    check_page(page, "activity-customer-changes")
    page.get_by_label(f"Actions for Merged: {BOB}").press("Enter")
    page.get_by_role("button", name="Approve").press("Enter")
    expect(page.get_by_text("Approved. The change is applied on this site now.")).to_be_visible()
    page.goto(f"{url}/customers/{customer}")
    expect(page.get_by_text("Sent to 0 of 1 site")).to_be_visible()
    check_page(page, "customer-with-changes")
    assert console_errors == []

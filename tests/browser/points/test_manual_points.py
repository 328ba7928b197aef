"""Adjust points in a browser: as a dialog and as a page."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.ledger.record import Draft, record
from tests.admin import sample_remotes
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

LONG = "a-customer-with-quite-a-long-name.and-more-of-it@a-very-long-name-for-a-domain.example"
LINES = f"bob@shop.test, 50, Welcome\n{LONG}; −20\n\neve@shop.test\t1200\tMoved from the old card, which was lost"


def create_customers_and_sign_in(app: Flask, page: Page, url: str) -> list[int]:
    """Create three customers and sign Ada in. Returns the customers' row ids."""
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)
        drafts = [Draft("bob@shop.test", points=1200), Draft(LONG, points=10), Draft("carol@shop.test", points=30)]
        numbers = [each.movement.customer_id for each in record(session, drafts, "test", clock.now())]
    sign_in_first_admin(page, url, app)
    return numbers


def open_dialog(page: Page, url: str, href: str) -> None:
    """Open a form in a dialog, like a link in the list."""
    page.goto(url)
    page.evaluate(
        "href => { const link = document.createElement('a'); link.href = href; link.dataset.dialog = '';"
        " document.body.append(link); link.click(); }",
        href,
    )
    expect(page.get_by_role("dialog")).to_be_visible()


def test_one_customer(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers_and_sign_in(app, page, url)
    page.goto(f"{url}/customers/points")
    expect(page.get_by_label("E-mail")).to_be_focused()
    check_page(page, "adjust-points")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The e-mail address is empty")).to_be_visible()
    expect(page.get_by_text("Type a whole number from 1 to")).to_be_visible()
    check_page(page, "adjust-points-error")
    page.get_by_label("E-mail").fill("eve@shop.test")
    page.get_by_label("Points", exact=True).fill("50")
    page.get_by_label("Reason").fill("Thanks")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Recorded: 1 movement, +50 points. It is sent to 1 remote.")).to_be_visible()

    open_dialog(page, url, "/customers/points")
    check_page(page, "adjust-points-dialog")
    page.get_by_label("E-mail").fill("no such")
    page.get_by_label("Points", exact=True).fill("70")
    page.get_by_label("Subtract").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text('"no such" is not a valid e-mail address')).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill("eve@shop.test")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.get_by_text("Recorded: 1 movement, −70 points.")).to_be_visible()
    expect(page.get_by_text("The balance of eve@shop.test is −20")).to_be_visible()
    assert console_errors == []


def test_selected_customers(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    numbers = create_customers_and_sign_in(app, page, url)
    query = "&".join(f"customer={number}" for number in numbers)
    page.goto(f"{url}/customers/points?{query}")
    expect(page.get_by_label("Points", exact=True)).to_be_focused()
    check_page(page, "adjust-points-selected")
    page.get_by_label("Set the balance to").check()
    page.get_by_label("Points", exact=True).fill("-5")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("3 movements for 3 customers, −1,255 points in total,")).to_be_visible()
    check_page(page, "adjust-points-dry-run")
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Points", exact=True)).to_have_value("-5")

    open_dialog(page, url, f"/customers/points?{query}")
    page.get_by_label("Points", exact=True).fill("5")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("dialog").get_by_text("+15 points in total")).to_be_visible()
    check_page(page, "adjust-points-dry-run-dialog")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Recorded: 3 movements, +15 points. They are sent to 1 remote.")).to_be_visible()
    assert console_errors == []


def test_bulk_adjust(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers_and_sign_in(app, page, url)
    page.goto(f"{url}/customers/points")
    page.get_by_role("link", name="Bulk adjust").click()
    expect(page.get_by_label("Lines")).to_be_focused()
    check_page(page, "bulk-adjust")
    page.get_by_label("Lines").fill(f"{LINES}\nno such, 5\ncarol@shop.test, 1,000")
    page.get_by_label("Reason").fill("Goodwill")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("2 lines cannot be recorded, so nothing can be.")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    check_page(page, "bulk-adjust-error")
    page.get_by_role("button", name="Back to the lines").click()
    expect(page.get_by_label("Lines")).to_have_value(re.compile("no such, 5\ncarol@shop.test, 1,000$"))
    page.get_by_label("Lines").fill(LINES)
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("1 balance would be below zero.")).to_be_visible()
    check_page(page, "bulk-adjust-dry-run")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Recorded: 3 movements, +1,230 points. They are sent to 1 remote.")).to_be_visible()
    assert console_errors == []

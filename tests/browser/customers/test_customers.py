"""Customers in a browser: the list, selecting rows, the forms over it, and a customer's history."""

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync.ledger.record import Draft, record
from tests.admin.sample_customers import LONG_EMAIL, create_customer_history, record_points
from tests.admin.sample_remotes import CREATED_AT
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.bulk_rows import insert_rows
from tests.support.site_template import run_in_transaction


def create_customers(app: Flask) -> None:
    """Create a customer with every kind of movement, one with a long address, one below zero, and thirty others."""
    create_customer_history(app)

    def more(session: Session) -> None:
        record_points(session, LONG_EMAIL, 2_000_000_000)
        record(session, [Draft("bob@shop.test", set_to=-1234, kind="manual")], "test", CREATED_AT)
        insert_rows(session, customers=30, movements=90)

    run_in_transaction(app, more)


def test_an_empty_list(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/customers")
    expect(page.get_by_text("No customers yet.")).to_be_visible()
    check_page(page, "customers-none")
    assert console_errors == []


def test_the_list(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers")
    expect(page.get_by_text("33 customers")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(20)
    check_page(page, "customers")

    page.get_by_label("Search", exact=True).fill("nobody@")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No results.")).to_be_visible()
    check_page(page, "customers-not-found")
    page.get_by_label("Search", exact=True).fill("Bob")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="bob@shop.test", exact=True)).to_be_visible()
    check_page(page, "customers-found")

    page.goto(f"{url}/customers?order=nothing&reserve=nothing")
    expect(page.get_by_text("There is no such points reserve.")).to_be_visible()
    check_page(page, "customers-error")
    page.goto(f"{url}/customers?cursor=nothing")
    expect(page.get_by_text("This address does not lead to a page")).to_be_visible()
    check_page(page, "customers-page-error")
    assert console_errors == []


def test_order_size_and_pages(page: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers")
    page.get_by_label("Sort by").select_option("Most points first")
    page.get_by_role("button", name="Sort", exact=True).click()
    first = page.locator("tbody tr").first
    expect(first).to_contain_text(LONG_EMAIL)
    page.get_by_role("link", name="10", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(first).to_contain_text(LONG_EMAIL)
    page.get_by_role("link", name="Next page").first.click()
    expect(page.get_by_label("Sort by")).to_have_value("-points")
    expect(first).not_to_contain_text(LONG_EMAIL)
    page.get_by_role("link", name="Last page").first.click()
    expect(page.locator("tbody tr").last).to_contain_text("bob@shop.test")
    page.get_by_role("link", name="First page").first.click()
    expect(first).to_contain_text(LONG_EMAIL)


def test_selected_customers_are_adjusted(page: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers?q=a")
    select_all = page.get_by_label("Select all on this page")
    select_all.check()
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_label("Select anna@shop.test").uncheck()
    expect(page.get_by_text("2 selected")).to_be_visible()
    assert select_all.evaluate("box => box.indeterminate")
    page.get_by_role("button", name="Adjust selected").click()
    expect(page.get_by_text("2 customers")).to_be_visible()
    assert page.url.count("customer=") == 2


def test_adjust_points_opens_in_a_dialog(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, "/customers")
    page.get_by_role("link", name="Adjust points").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("new@shop.test")
    dialog.get_by_label("Points", exact=True).fill("25")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="new@shop.test")).to_be_visible()
    expect(page.locator("tbody tr")).to_contain_text("+25")


def test_a_history(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    anna = create_customer_history(app)
    sign_in_first_admin(page, url, app, f"/customers/{anna}")
    expect(page.locator("tbody tr")).to_have_count(9)
    check_page(page, "history")
    for each in page.locator("details.delivery-summary > summary").all():
        each.click()
    expect(page.get_by_text("It holds this id with other points.")).to_be_visible()
    check_page(page, "history-open")

    page.get_by_label("Points Reserve").select_option("Stamps")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    check_page(page, "history-stamps")

    page.get_by_role("link", name="Adjust points").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("anna@shop.test")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    page.goto(f"{url}/customers/{anna}?reserve=silver")
    expect(page.get_by_text("There is no such points reserve.")).to_be_visible()
    check_page(page, "history-error")
    assert console_errors == []


def test_a_long_address(page: Page, url: str, app: Flask) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, LONG_EMAIL, *range(1, 31)))
    sign_in_first_admin(page, url, app, f"/customers/{row}")
    expect(page.locator("tbody tr")).to_have_count(20)
    check_page(page, "history-long")
    page.get_by_role("link", name="Next page").first.click()
    expect(page.locator("tbody tr")).to_have_count(10)

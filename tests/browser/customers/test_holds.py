"""A customer's holds in a browser: held points beside the balance, the list, and releasing a hold."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.holds import holds
from pointsync.ledger.holds.holds import HoldRequest
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer
from tests.browser.conftest import AXE_WAYS
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.site_template import run_in_transaction

ALICE = "alice@shop.test"


def place_holds(app: Flask) -> int:
    """Alice with holds in two reserves, one of them with a long ref; her row id."""
    now = clock.now()

    def place(session: Session) -> int:
        reserves.create(session, "gold", "Gold points of the whole family", now)
        wanted = [("default", "cart-17", 40), ("default", "c" * 150, 200), ("gold", "wc_order_kVd4ztq1mE7Zs", 5)]
        for reserve in ("default", "gold"):
            record(session, [Draft(ALICE, 1250, reserve=reserve, reason="Order 16")], "api:shop", now)
        for reserve, ref, points in wanted:
            request = HoldRequest(ALICE, points, reserve, ref, now + timedelta(minutes=30))
            holds.place(session, request, "api:mug-shop", now)
        return session.scalars(select(Customer.id)).one()

    return run_in_transaction(app, place)


@AXE_WAYS
def test_held_points_and_a_release(page: Page, url: str, app: Flask, axe_ways: int) -> None:
    console_errors = collect_console_errors(page)
    customer_id = place_holds(app)
    sign_in_first_admin(page, url, app, f"/customers/{customer_id}")
    expect(page.get_by_text("240 held, 1,010 free")).to_be_visible()
    check_page(page, "holds", axe_ways=axe_ways)
    page.get_by_role("link", name="Release cart-17").click()
    expect(page.get_by_role("dialog").get_by_text("40 points")).to_be_visible()
    check_page(page, "hold-release")
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(page.get_by_text("Released the hold cart-17: 40 points are free again.")).to_be_visible()
    expect(page.get_by_text("200 held, 1,050 free")).to_be_visible()
    assert console_errors == []

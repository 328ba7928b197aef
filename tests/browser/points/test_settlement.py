"""Settlement, and the breakdown of a balance, in a browser: more than a year of twelve sites."""

from datetime import datetime, timedelta

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import make_period_rule
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Delivery, DeliveryState
from pointsync.sync.site import general
from tests.admin import sample_remotes
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors, save_screenshot
from tests.support.site_template import run_in_transaction

PAGE = "/points-and-rewards/settlement"
LONG_NAME = "The Honourable Company of Potters and Glaziers of Lower Wexham, its Online Branch"
LONG = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters-and-glaziers.example"
SITES, MONTHS = 11, 14


def create_trade(app: Flask) -> int:
    """Record movements of twelve sites, one with a name of 80 characters. Returns the customer's row id."""
    now = clock.now()

    def sites(session: Session) -> None:
        for number in range(SITES):
            remote = sample_remotes.add_remote(session, f"https://shop-{number}.test", f"wrk_{number + 1:016x}")
            remote.name = LONG_NAME if number == 3 else f"Shop {number}"
        reserve = reserves.get(session, "default")
        rules.set_rule(session, reserve, make_period_rule("transactional", 9, "months", now.date() - timedelta(days=3)))
        levels.create(session, reserve, "Silver, of those who have been here for long", "", 1000, now)

    def months(session: Session) -> int:
        reserve = reserves.get(session, "default")
        for number in range(SITES):
            incoming = [
                IncomingMovement(f"{month}-{sign}", LONG, _points(number, month, sign), at=_mid_month(now, month))
                for month in range(MONTHS)
                for sign in (1, -1)
            ]
            apply(session, f"wrk_{number + 1:016x}", reserve, incoming, now)
        drafts = [Draft(LONG, 4000 + 111 * month, at=_mid_month(now, month)) for month in range(MONTHS)]
        drafts += [
            Draft(LONG, -3, kind="correction"),
            Draft(LONG, 12_345, kind="opening"),
            Draft(LONG, -9, kind="redeem"),
        ]
        return record(session, drafts, "test", now)[0].movement.customer_id

    def set_delivery_states(session: Session) -> None:
        general.set_time_zone(session, "Asia/Kolkata")
        for delivery in session.scalars(select(Delivery)):
            delivery.state = {1: DeliveryState.FAILED, 4: DeliveryState.PENDING}.get(
                delivery.remote_id, DeliveryState.DELIVERED
            )

    run_in_transaction(app, sites)
    row = run_in_transaction(app, months)
    run_in_transaction(app, set_delivery_states)
    return row


def _mid_month(now: datetime, month: int) -> datetime:
    """A time in the middle of the month, `month` months ago, so that each month has one on any day of the year."""
    if not month:
        return now
    years, index = divmod(now.year * 12 + now.month - 1 - month, 12)
    return now.replace(year=years, month=index + 1, day=15)


def _points(number: int, month: int, sign: int) -> int:
    given = (number + 1) * 700 + (month * 37 + number * 11) % 13 * 250
    return given if sign > 0 else -(given * ((number + month) % 5) // 3 or 1)


def test_settlement_and_breakdown(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_text("No movements in these months.")).to_be_visible()
    check_page(page, "settlement-none")

    row = create_trade(app)
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Points and Rewards").click()
    page.get_by_role("link", name="Settlement", exact=True).click()
    expect(page.get_by_role("heading", name="Points given")).to_be_visible()
    check_page(page, "settlement")
    first = page.get_by_label("From")
    months = first.input_value()
    first.fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Type a month as year and month")).to_be_visible()
    expect(first).to_be_focused()
    check_page(page, "settlement-error")
    first.fill(f"{int(months[:4]) - 2}{months[4:]}")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("A month therefore begins at the next full hour")).to_be_visible()
    expect(page.locator(".months > li")).to_have_count(MONTHS)
    page.locator(".months summary").nth(1).click()
    check_page(page, "settlement-long")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) > MONTHS * SITES
    assert LONG_NAME in "".join(lines)

    page.goto(f"{url}/customers/{row}")
    page.wait_for_load_state()
    page.get_by_role("link", name="Why").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("movements add up to the balance.")).to_be_visible()
    expect(dialog.get_by_text("Points that will expire")).to_be_visible()
    check_page(page, "why")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="Why")).to_be_focused()
    assert console_errors == []


def test_the_breakdown_without_scripts(page_without_scripts: Page, url: str, app: Flask) -> None:
    row = create_trade(app)
    sign_in_first_admin(page_without_scripts, url, app, f"/customers/{row}")
    page_without_scripts.get_by_role("link", name="Why").click()
    expect(page_without_scripts.get_by_role("heading", name="Why")).to_be_visible()
    save_screenshot(page_without_scripts, "why-page")
    page_without_scripts.get_by_role("link", name="waiting").click()
    expect(page_without_scripts.get_by_role("heading", name="Deliveries")).to_have_count(1)
    expect(page_without_scripts.get_by_label("Customer's e-mail")).to_have_value(LONG)

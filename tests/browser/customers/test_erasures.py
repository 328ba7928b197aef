"""Erasing a person in a browser, by keyboard, and the receipts."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.people import people
from pointsync.ledger.people.erasure import erasures
from pointsync.ledger.record import Draft, record
from pointsync.models import BackupFile, Remote
from tests.admin.sample_customers import LONG_EMAIL
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.site_template import run_in_transaction

ANNA, BOB = "anna@shop.test", "bob@shop.test"


def prepare(app: Flask) -> None:
    """Customers, sites of each kind, backups, and a request that waits."""

    def run(session: Session) -> None:
        now = clock.now()
        record(session, [Draft(each, 5) for each in (ANNA, BOB, LONG_EMAIL)], "test", now)
        people.add_alias(session, ANNA, "anna@a-long-address-of-hers.example.test", now)
        for number, dialect in enumerate(("pointsync", "woorewards", "pointsync")):
            values = {"url": f"https://shop-{number}.test", "auth": f"wrk_{number:016x}", "sealed_pass": "x"}
            remote = Remote(
                reserve_id=1, target="default", query_template="x", created_at=now, dialect=dialect, **values
            )
            remote.takes_changes = number == 0
            session.add(remote)
        session.add(BackupFile(made_at=now - timedelta(days=3), path="/var/backups/pointsync-2026-11-27.zip"))
        session.flush()
        erasures.request(session, LONG_EMAIL, "Web shop", now)

    run_in_transaction(app, run)


def test_an_erasure_by_keyboard(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/customers/erasures")
    expect(page.get_by_text("Nobody was erased yet.")).to_be_visible()
    check_page(page, "erasures-none")

    prepare(app)
    page.goto(f"{url}/customers?q=anna")
    page.get_by_role("link", name=ANNA, exact=True).click()
    expect(page.get_by_role("heading", name=ANNA)).to_be_visible()
    page.get_by_role("link", name="Erase", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Erase this person?")).to_be_visible()
    confirmation = page.get_by_label("Type the e-mail address to confirm")
    expect(confirmation).to_be_focused()
    page.keyboard.press("Escape")
    page.goto(f"{page.url}/erase")
    expect(page.get_by_role("heading", name="Erase this person?")).to_be_visible()
    check_page(page, "erase")
    confirmation.fill(BOB)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Type {ANNA} to erase this person.")).to_be_visible()
    check_page(page, "erase-error")
    confirmation.fill(ANNA)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Receipt of erasure 2").first).to_be_visible()
    check_page(page, "erasure-receipt")
    page.get_by_role("button", name="Mark as informed: https://shop-1.test").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".erasure-state", has_text="Owner informed")).to_be_visible()

    page.goto(f"{url}/customers/erasures")
    expect(page.locator("tbody tr")).to_have_count(2)
    check_page(page, "erasures")
    page.get_by_role("link", name="Request 1").click()
    check_page(page, "erasure-request")
    page.get_by_role("button", name="Stop the erasure").click()
    expect(page.get_by_text("Nobody is erased.")).to_be_visible()
    assert console_errors == []

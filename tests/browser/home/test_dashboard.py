"""The Dashboard in a browser: with problems, without problems, and refreshed by itself."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import update

from pointsync import clock, db, leases
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Delivery, DeliveryState, Remote, Reserve, Site
from tests.admin import sample_remotes
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.bulk_rows import insert_rows

LONG_NAME = "The Honourable Company of Potters and Glaziers of Lower Wexham, Online Branch"
SOON_MS = 20_000


def create_busy_site(app: Flask) -> None:
    """A busy site with many problems."""
    with app.app_context(), db.transaction() as session:
        leases.record_heartbeat(session, "w" * 32)
        sample_remotes.add_remote_of_each_status(session)
        auth = "wrk_" + "a" * 16
        remote = sample_remotes.add_remote(
            session, "https://a-very-long-name-of-a-shop.example/with/a/long/path/below/it", auth
        )
        remote.name, remote.dialect, remote.facts, remote.check_code = (
            LONG_NAME,
            "pointsync",
            {"lists": []},
            "clock_skew",
        )
        remote.clock_offset_seconds, remote.status, remote.status_text = 480.0, "green", "In step."
        insert_rows(session, customers=40, movements=4000, now=clock.now() - timedelta(minutes=1))
        late = [IncomingMovement(f"late-{each}", f"late{each}@shop.example", -20) for each in range(3)]
        apply(session, auth, session.get_one(Reserve, 1), late, clock.now())


def test_many_problems(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_busy_site(app)
    sign_in_first_admin(page, url, app)
    expect(page.locator(".attention-item")).to_have_count(4)
    expect(page.locator(".tile")).to_have_count(6)
    expect(page.get_by_text("does not list this site")).to_be_visible()
    check_page(page, "dashboard")

    page.get_by_role("link", name="31", exact=True).click()
    expect(page.locator(".chart-bar")).to_have_count(31)
    page.get_by_text("Show the numbers").click()
    expect(page.get_by_role("table", name="Movements per day, the last 31 days: the numbers")).to_be_visible()
    check_page(page, "dashboard-31")

    expect(page.locator(".attention-item a").first).to_have_attribute("href", "/system/activity?state=failed")
    assert console_errors == []


def test_a_new_site_and_a_site_without_problems(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app)
    expect(page.get_by_text("No remote sites yet.")).to_be_visible()
    check_page(page, "dashboard-new")

    with app.app_context(), db.transaction() as session:
        leases.record_heartbeat(session, "w" * 32)
        remote = sample_remotes.add_remote(session, "https://tea.test", "wrk_" + "1" * 16)
        remote.name, remote.status, remote.status_text = "Tea shop", "green", "In step."
        sample_remotes.record_waiting(session, 3)
        session.execute(update(Delivery).values(state=DeliveryState.DELIVERED))
    page.reload()
    expect(page.get_by_text("All good.")).to_be_visible()
    expect(page.get_by_text("Everything is delivered.")).to_be_visible()
    check_page(page, "dashboard-all-good")

    with app.app_context(), db.transaction() as session:
        session.get_one(Site, 1).hold = "The marker of this database is missing in /var/lib/pointsync."
    page.reload()
    expect(page.get_by_text("Answer the question above.", exact=True)).to_be_visible()
    check_page(page, "dashboard-stopped")
    assert console_errors == []


def test_it_refreshes_itself(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        leases.record_heartbeat(session, "w" * 32)
        remote = sample_remotes.add_remote(session, "https://tea.test", "wrk_" + "1" * 16)
        remote.name, remote.status, remote.status_text = "Tea shop", "green", "In step."
    sign_in_first_admin(page, url, app)
    tile = page.locator("#site-1")
    expect(tile.locator(".status-label")).to_have_text("In step")
    page.evaluate("window.isTheSamePage = true")

    with app.app_context(), db.transaction() as session:
        sample_remotes.record_waiting(session, 2)
        remote = session.get_one(Remote, 1)
        remote.status, remote.status_text, remote.attempt_code = "error", "It is gone. 2 movements waiting.", "timeout"
    expect(tile.locator(".status-label")).to_have_text("Error", timeout=SOON_MS)
    expect(page.locator("#waiting-count")).to_contain_text("2 movements are waiting")
    expect(page.locator("#attention-list")).to_contain_text("Tea shop: It is gone. 2 movements waiting.")
    expect(page.locator("[data-announcer]")).not_to_be_empty()
    assert page.evaluate("window.isTheSamePage")
    assert page.locator("#site-1 .tile").evaluate("tile => tile.classList.contains('tile-error')")

    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote(session, "https://print.test", "wrk_" + "2" * 16)
    expect(page.locator(".tile")).to_have_count(3, timeout=SOON_MS)

"""Lost movements come back, an admin decides about one, and the movements of a gone site are handed on."""

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync import clock, db, digests
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.fetch_back import state, take_in
from pointsync.sync.fetch_back import run
from pointsync.sync.fetch_back.fetch import save_page
from pointsync.sync.fetch_back.page import FetchedMovement, FetchedPage
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.apps import get_reserve

AUTH, GONE = "wrk_" + "a" * 16, "wrk_" + "b" * 16
CUSTOMER = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters.example"
MOVEMENT_ID = 914_835_421_114_925_056


def return_movement(session: Session, remote_id: int, points: int) -> None:
    """A remote returns everything that it has: one movement."""
    digest = digests.digest(str(MOVEMENT_ID), points, CUSTOMER)
    movement = FetchedMovement(
        MOVEMENT_ID, CUSTOMER, points, "earn", "Order 1001", None, "order-1001", "api:shop", digest, is_altered=False
    )
    save_page(session, remote_id, 0, FetchedPage([movement], 0, None, 1), clock.now())


@BOTH_WIDTHS
def test_lost_movements_come_back(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        remotes = [
            sample_remotes.add_remote(session, f"https://{name}.example", f"wrk_{number:016x}")
            for number, name in enumerate(("tea", "mugs", "pots"), start=1)
        ]
        for remote, name in zip(remotes, ("Tea shop", "Mug shop", "Pot shop"), strict=True):
            remote.name, remote.dialect = name, "pointsync"
        state.begin(session, clock.now(), is_open=True)
        run.add_missing(session, clock.now())
        for number, remote in enumerate(remotes[:2]):
            return_movement(session, remote.id, 10 + number)
    sign_in_first_admin(page, url, app, "/system/network")
    console_errors = collect_console_errors(page)
    expect(page.get_by_text("This site fetches its lost movements back.")).to_be_visible()
    check_page(page, "fetch-back-open")
    page.get_by_role("button", name="All sites are listed").click()
    expect(page.get_by_text("It ends when every listed remote was fetched.")).to_be_visible()
    follow_link(page, "Continue without Pot shop")
    expect(page.get_by_role("heading", name="Continue without this site?")).to_be_visible()
    check_page(page, "dialog-fetch-skip")
    page.get_by_role("button", name="Continue without it").click()
    expect(page.get_by_text("Continued without it.")).to_be_visible()
    with app.app_context(), db.transaction() as session:
        take_in.record_next_chunk(session, clock.now())
        run.complete(session)
    page.reload()
    check_page(page, "fetch-back-decisions")
    follow_link(page, f"Decide about movement {MOVEMENT_ID}")
    expect(page.get_by_role("heading", name="Which movement counts?")).to_be_visible()
    check_page(page, "dialog-decide-returned")
    page.get_by_label("What Mug shop returned counts").check()
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(page.get_by_text("Decided.")).to_be_visible()
    assert console_errors == []


@BOTH_WIDTHS
def test_movements_of_a_site_that_is_gone(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        remote = sample_remotes.add_remote(session, "https://tea.example", AUTH)
        remote.name, remote.dialect = "Tea shop", "pointsync"
        apply(session, GONE, get_reserve(session), [IncomingMovement("1", CUSTOMER, 10)], clock.now())
    sign_in_first_admin(page, url, app, "/system/network")
    console_errors = collect_console_errors(page)
    page.locator("summary", has=page.get_by_role("heading", name="Sites that are gone")).click()
    follow_link(page, "Hand on its movements…")
    check_page(page, "dialog-hand-on")
    page.get_by_label("Auth of the site that is gone").fill(GONE)
    page.get_by_role("button", name="Hand them on").click()
    expect(page.get_by_text("0 of 1").first).to_be_visible()
    follow_link(page, "Allow another site to hand on…")
    check_page(page, "dialog-hand-on-allow")
    page.get_by_label("Auth of the site that is gone").fill(GONE)
    page.get_by_label("Auth of the site that hands its movements on").fill(AUTH)
    page.get_by_role("button", name="Allow it").click()
    expect(page.get_by_role("button", name=f"Withdraw the permission of {AUTH}")).to_be_visible()
    check_page(page, "network-hand-on")
    assert console_errors == []

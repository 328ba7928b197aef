"""Coming in: an admin in a browser window, past the door; and finding the way there."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.accounts import admins
from tests.support.panel_session import COOKIE_NAME, create_session_cookie

NAME = "Ada"
PASSWORD = "correct horse battery"


def sign_in_first_admin(page: Page, url: str, app: Flask, path: str = "/") -> None:
    """Make the first admin and open `path` as her, without the form of the sign-in; its scripts are at work."""
    with app.app_context():
        db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    cookie = create_session_cookie(app, NAME, "Chrome on Linux")
    page.context.add_cookies([{"name": COOKIE_NAME, "value": cookie, "url": url}])
    page.goto(f"{url}{path}")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.wait_for_load_state()


def follow_link(page: Page, name: str) -> None:
    """Follow a link, once the page's scripts are there to open it in a dialog."""
    page.wait_for_load_state()
    page.get_by_role("link", name=name, exact=True).click()


def choose_action(page: Page, row: str, action: str) -> None:
    """Choose an action of a row's menu, once the page's scripts are there."""
    page.wait_for_load_state()
    page.locator(f"summary[aria-label='Actions for {row}']").click()
    page.locator(".menu[open] .menu-item", has_text=action).click()

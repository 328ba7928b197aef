"""Coming in: an admin in a browser window, past the door; and finding the way there."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.accounts import admins

NAME = "Ada"
PASSWORD = "correct horse battery"


def come_in(page: Page, url: str, app: Flask, path: str = "/") -> None:
    """Make the first admin, sign in as her, and go to `path`; its scripts are at work."""
    with app.app_context():
        db.in_write(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    page.goto(f"{url}{path}")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.wait_for_load_state()


def follow(page: Page, name: str) -> None:
    """Follow a link, once the page's scripts are there to open it in a dialog."""
    page.wait_for_load_state()
    page.get_by_role("link", name=name, exact=True).click()


def act(page: Page, row: str, action: str) -> None:
    """Choose an action of a row's menu, once the page's scripts are there."""
    page.wait_for_load_state()
    page.locator(f"summary[aria-label='Actions for {row}']").click()
    page.locator(".menu[open] .menu-item", has_text=action).click()

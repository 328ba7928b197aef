"""Coming in: an admin in a browser window, past the door."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.sync import admins

NAME = "Ada"
PASSWORD = "correct horse battery"


def come_in(page: Page, url: str, app: Flask, path: str = "/") -> None:
    """Make the first admin, sign in as her, and go to `path`."""
    with app.app_context():
        db.in_write(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    page.goto(f"{url}{path}")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

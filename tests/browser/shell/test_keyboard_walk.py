"""From the setup link to the list of remotes with the keyboard only."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.models import Site
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS, SETUP_TOKEN
from tests.browser.page_checks import check_page, collect_console_errors

NAME = "Ada"
PASSWORD = "correct horse battery"


def press_until_focused(page: Page, name: str, key: str = "Tab", most: int = 20) -> None:
    """Press Tab, or another key, until the element called `name` has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText") == name:
            return
    raise AssertionError(f"no {key} leads to {name}")


@BOTH_WIDTHS
def test_a_first_start_with_the_keyboard(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    page.goto(f"{url}/setup/{SETUP_TOKEN}")
    check_page(page, "setup")

    page.keyboard.type(NAME)
    press_until_focused(page, "Password")
    page.keyboard.type("short")
    press_until_focused(page, "Password again")
    page.keyboard.type("other")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The two passwords differ")).to_be_visible()
    check_page(page, "setup-error")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()

    page.keyboard.type(PASSWORD)
    press_until_focused(page, "Password again")
    page.keyboard.type(PASSWORD)
    press_until_focused(page, "Create and sign in")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No remote sites yet.")).to_be_visible()
    check_page(page, "panel-empty")

    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote_of_each_status(session)
        sample_remotes.record_waiting(session, 1)
    press_until_focused(page, "System")
    page.keyboard.press("Enter")
    page.wait_for_url("**/system/general")
    press_until_focused(page, "Points Sync.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(5)
    for words in sample_remotes.STATUS_LABELS.values():
        expect(page.get_by_role("table").get_by_text(words, exact=True)).to_be_visible()
    check_page(page, "panel-points-sync")

    press_until_focused(page, "Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    press_until_focused(page, "Sign out", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert console_errors == []


def test_the_sign_in_page(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    page.goto(url)
    expect(page.get_by_text("There is no admin yet.")).to_be_visible()
    check_page(page, "sign-in-first")

    with app.app_context():
        db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    page.reload()
    expect(page.get_by_label("Name")).to_be_focused()
    check_page(page, "sign-in")
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Wrong name or password.")
    check_page(page, "sign-in-error")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sites", exact=True)).to_be_visible()
    assert console_errors == []


def test_stopped_sending_and_a_missing_page(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        admins.create(session, NAME, PASSWORD, clock.now())
        session.get_one(Site, 1).hold = "The marker of this database is missing in /var/lib/pointsync."
    page.goto(f"{url}/nothing")
    check_page(page, "error")
    page.get_by_role("link", name="Go to the Dashboard").click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Sending is stopped until you say what this database is.")).to_be_visible()
    check_page(page, "panel-held")

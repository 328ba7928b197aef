"""Points and Rewards in a browser: the list, its sheets in dialogs and as pages, by mouse and by keyboard."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.ledger import reserves
from pointsync.models import Reserve
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

PAGE = "/points-and-rewards"
LONG = "Stamps of the old card, kept for all those who still have some of them in a drawer"


def stored_reserves(app: Flask) -> dict[str, tuple[str, bool, bool]]:
    """The reserves in the database."""
    with app.app_context(), db.transaction() as session:
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in reserves.list_all(session)}


@BOTH_WIDTHS
def test_the_list_and_its_dialogs(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote_of_each_status(session)
        reserves.create(
            session, "old-stamps-of-the-card-that-we-had-before-" + "x" * 22, LONG, sample_remotes.CREATED_AT
        )
        session.get_one(Reserve, 2).is_active = False
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_role("row")).to_have_count(3)
    check_page(page, "reserves")

    follow_link(page, "Add")
    dialog = page.get_by_role("dialog", name="Add a points reserve")
    expect(dialog.get_by_label("Id")).to_be_focused()
    check_page(page, "reserves-add")
    page.keyboard.type("no such!")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type letters, digits")).to_be_visible()
    expect(dialog.get_by_label("Id")).to_have_value("no such!")
    check_page(page, "reserves-add-error")
    dialog.get_by_label("Id").fill("gold")
    dialog.get_by_label("Name").fill("Gold points")
    dialog.get_by_label("May go below zero").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Created the points reserve Gold points.")).to_be_visible()
    assert stored_reserves(app)["gold"] == ("Gold points", True, True)

    choose_action(page, "Points", "Edit")
    dialog = page.get_by_role("dialog", name="Edit Points")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Active").uncheck()
    check_page(page, "reserves-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("observe this reserve.")).to_be_visible()
    check_page(page, "reserves-edit-observed")
    assert stored_reserves(app)["default"][1]
    dialog.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("Points is not active now.")).to_be_visible()
    assert not stored_reserves(app)["default"][1]
    assert console_errors == []


def test_with_the_keyboard_only(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, PAGE)
    actions = page.get_by_label("Actions for Points", exact=True)
    actions.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Edit")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Edit Points")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(actions).to_be_focused()


def test_an_id_is_copied(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, PAGE)
    page.get_by_role("button", name="Copy the id of Points").click()
    expect(page.locator("[data-announcer]")).to_have_text("Copied.")


def test_the_sheets_as_pages(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, f"{PAGE}/reserves/add")
    check_page(page, "reserves-add-page")
    page.goto(f"{url}{PAGE}/reserves/default/edit")
    check_page(page, "reserves-edit-page")
    page.get_by_role("main").get_by_role("link", name="Cancel").first.click()
    expect(page).to_have_url(f"{url}{PAGE}")

"""Points and Rewards in a browser: the list, its sheets in dialogs and as pages, by mouse and by keyboard."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.ledger import reserves
from pointsync.models import Reserve
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import act, come_in, follow
from tests.browser.page_checks import check, complaints

PAGE = "/points-and-rewards"
LONG = "Stamps of the old card, kept for all those who still have some of them in a drawer"


def stored(app: Flask) -> dict[str, tuple[str, bool, bool]]:
    """The reserves as they are."""
    with app.app_context(), db.write() as session:
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in reserves.every(session)}


@BOTH_WIDTHS
def test_the_list_and_its_dialogs(page: Page, url: str, app: Flask) -> None:
    heard = complaints(page)
    with app.app_context(), db.write() as session:
        sample_remotes.add_four(session)
        reserves.add(session, "old-stamps-of-the-card-that-we-had-before-" + "x" * 22, LONG, sample_remotes.MADE)
        session.get_one(Reserve, 2).is_active = False
    come_in(page, url, app, PAGE)
    expect(page.get_by_role("row")).to_have_count(3)
    check(page, "reserves")

    follow(page, "Add")
    dialog = page.get_by_role("dialog", name="Add a points reserve")
    expect(dialog.get_by_label("Id")).to_be_focused()
    check(page, "reserves-add")
    page.keyboard.type("no such!")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type letters, digits")).to_be_visible()
    expect(dialog.get_by_label("Id")).to_have_value("no such!")
    check(page, "reserves-add-wrong")
    dialog.get_by_label("Id").fill("gold")
    dialog.get_by_label("Name").fill("Gold points")
    dialog.get_by_label("May go below zero").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The points reserve Gold points is made.")).to_be_visible()
    assert stored(app)["gold"] == ("Gold points", True, True)

    act(page, "Points", "Edit")
    dialog = page.get_by_role("dialog", name="Edit Points")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Active").uncheck()
    check(page, "reserves-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("observe this reserve.")).to_be_visible()
    check(page, "reserves-edit-observed")
    assert stored(app)["default"][1]
    dialog.get_by_role("button", name="Make it inactive").click()
    expect(page.get_by_text("Points takes no points now")).to_be_visible()
    assert not stored(app)["default"][1]
    assert heard == []


def test_by_keyboard_alone(page: Page, url: str, app: Flask) -> None:
    come_in(page, url, app, PAGE)
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
    come_in(page, url, app, PAGE)
    page.get_by_role("button", name="Copy the id of Points").click()
    expect(page.locator("[data-said]")).to_have_text("Copied.")


def test_the_sheets_as_pages(page: Page, url: str, app: Flask) -> None:
    come_in(page, url, app, f"{PAGE}/reserves/add")
    check(page, "reserves-add-page")
    page.goto(f"{url}{PAGE}/reserves/default/edit")
    check(page, "reserves-edit-page")
    page.get_by_role("main").get_by_role("link", name="Cancel").first.click()
    expect(page).to_have_url(f"{url}{PAGE}")

"""Rewards and levels in a browser: a reserve's lists, redeeming for a customer, and what differs between sites."""

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from tests.admin import sample_remotes
from tests.admin.sample_customers import fill_history
from tests.admin.sample_remotes import MADE
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import act, come_in, follow
from tests.browser.page_checks import check, complaints
from tests.support.site_template import change

PAGE = "/points-and-rewards/reserves/default/rewards"
LONG = "A teapot of blue glass with four cups, a tray and a box of tea to begin with, sent free of charge"
WORDS = "Choose the colour at the till. " * 12


def offer(session: Session) -> None:
    """Rewards and levels, some with all that they can have."""
    default, gold = reserves.get(session, "default"), reserves.get(session, "gold")
    rewards.add(session, default, LONG, WORDS.strip(), 2_000_000_000, MADE)
    rewards.add(session, default, "Mug", "A blue one", 10, MADE)
    rewards.add(session, gold, "Badge", "", 1000, MADE)
    for title, points in (("Silver", 20), ("G" * 100, 1_000_000)):
        levels.add(session, default, title, WORDS.strip(), points, MADE)
    levels.add(session, gold, "Star of the shop", "", 1200, MADE)


@BOTH_WIDTHS
def test_a_reserves_lists_and_their_dialogs(page: Page, url: str, app: Flask) -> None:
    heard = complaints(page)
    come_in(page, url, app, "/points-and-rewards")
    page.get_by_role("link", name="None yet of Points").click()
    expect(page.get_by_text("No rewards yet.")).to_be_visible()
    check(page, "rewards-none")

    follow(page, "Add a reward")
    dialog = page.get_by_role("dialog", name="Add a reward")
    expect(dialog.get_by_label("Title")).to_be_focused()
    check(page, "rewards-add")
    page.keyboard.type("Mug")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type a whole number from 1")).to_be_visible()
    check(page, "rewards-add-wrong")
    dialog.get_by_label("Cost").fill("50")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The reward Mug is made.")).to_be_visible()

    follow(page, "Add a level")
    dialog = page.get_by_role("dialog", name="Add a level")
    check(page, "levels-add")
    dialog.get_by_label("Title").fill("Silver")
    dialog.get_by_label("Points", exact=True).fill("1000")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The level Silver is made.")).to_be_visible()

    act(page, "Mug", "Edit")
    dialog = page.get_by_role("dialog", name="Edit Mug")
    dialog.get_by_label("Active").uncheck()
    check(page, "rewards-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mug is saved.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Mug")).to_contain_text("Not active")
    assert heard == []


def test_long_lists_and_a_reserve_that_is_not_active(page: Page, url: str, app: Flask) -> None:
    fill_history(app)
    change(app, offer)
    change(app, lambda session: reserves.change(session, "default", "Points", False, False))
    come_in(page, url, app, PAGE)
    expect(page.get_by_text("This points reserve is not active.")).to_be_visible()
    check(page, "rewards")


def test_redeeming_for_a_customer(page: Page, url: str, app: Flask) -> None:
    heard = complaints(page)
    row = fill_history(app)
    change(app, offer)
    change(app, lambda session: levels.step(session, 3, MADE))
    come_in(page, url, app, f"/customers/{row}")
    expect(page.get_by_role("heading", name="Levels reached")).to_be_visible()
    check(page, "customer-levels")
    follow(page, "Redeem a reward")
    dialog = page.get_by_role("dialog", name="Redeem a reward")
    expect(dialog.get_by_label("Badge")).to_be_focused()
    check(page, "redeem")
    dialog.get_by_role("button", name="Redeem").click()
    expect(dialog.get_by_text("Choose one of these.")).to_be_visible()
    check(page, "redeem-wrong")
    dialog.get_by_label("Badge").check()
    dialog.get_by_role("button", name="Redeem").click()
    expect(page.get_by_text("Recorded: 1 movement")).to_be_visible()
    expect(page.get_by_text("Redeemed: Badge")).to_be_visible()
    follow(page, "Redeem a reward")
    check(page, "redeem-again")
    assert heard == []


def test_nothing_to_redeem_and_the_sheet_as_a_page(page: Page, url: str, app: Flask) -> None:
    row = fill_history(app)
    come_in(page, url, app, f"/customers/{row}/redeem")
    expect(page.get_by_text("There is no reward that")).to_be_visible()
    check(page, "redeem-nothing")
    page.get_by_role("link", name="Done").click()
    expect(page).to_have_url(f"{url}/customers/{row}")


def test_what_differs_between_sites(page: Page, url: str, app: Flask) -> None:
    def work(session: Session) -> None:
        reserves.add(session, "gold", None, MADE)
        offer(session)
        two, three = sample_remotes.add_four(session)[1:3]
        there = [{"title": "Mug", "cost": 60}, {"title": "X" * 100, "cost": 1}]
        for line, more in ((two, {"rewards": there, "levels": []}), (three, {})):
            line.dialect, line.checked_at = "pointsync", MADE
            line.facts = {"lists": [], "rewards_digest": "other"} | more

    change(app, work)
    come_in(page, url, app, "/system/network")
    expect(page.get_by_text("Only there:")).to_be_visible()
    expect(page.get_by_text("It did not tell by name what differs")).to_be_visible()
    check(page, "network-rewards")

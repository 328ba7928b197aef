"""Rewards and levels in a browser: a reserve's lists, redeeming for a customer, and differences between sites."""

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from tests.admin import sample_remotes
from tests.admin.sample_customers import create_customer_history
from tests.admin.sample_remotes import CREATED_AT
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.site_template import run_in_transaction

PAGE = "/points-and-rewards/reserves/default/rewards"
LONG = "A teapot of blue glass with four cups, a tray and a box of tea to begin with, sent free of charge"
LONG_TEXT = "Choose the colour at the till. " * 12


def create_rewards(session: Session) -> None:
    """Create rewards and levels, some with every detail."""
    default, gold = reserves.get(session, "default"), reserves.get(session, "gold")
    rewards.create(session, default, LONG, LONG_TEXT.strip(), 2_000_000_000, CREATED_AT)
    rewards.create(session, default, "Mug", "A blue one", 10, CREATED_AT)
    rewards.create(session, gold, "Badge", "", 1000, CREATED_AT)
    for title, points in (("Silver", 20), ("G" * 100, 1_000_000)):
        levels.create(session, default, title, LONG_TEXT.strip(), points, CREATED_AT)
    levels.create(session, gold, "Star of the shop", "", 1200, CREATED_AT)


@BOTH_WIDTHS
def test_the_lists_and_their_dialogs(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/points-and-rewards")
    page.get_by_role("link", name="None yet of Points").click()
    expect(page.get_by_text("No rewards yet.")).to_be_visible()
    check_page(page, "rewards-none")

    follow_link(page, "Add a reward")
    dialog = page.get_by_role("dialog", name="Add a reward")
    expect(dialog.get_by_label("Title")).to_be_focused()
    check_page(page, "rewards-add")
    page.keyboard.type("Mug")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type a whole number from 1")).to_be_visible()
    check_page(page, "rewards-add-error")
    dialog.get_by_label("Cost").fill("50")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Created the reward Mug.")).to_be_visible()

    follow_link(page, "Add a level")
    dialog = page.get_by_role("dialog", name="Add a level")
    check_page(page, "levels-add")
    dialog.get_by_label("Title").fill("Silver")
    dialog.get_by_label("Points", exact=True).fill("1000")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Created the level Silver.")).to_be_visible()

    choose_action(page, "Mug", "Edit")
    dialog = page.get_by_role("dialog", name="Edit Mug")
    dialog.get_by_label("Active").uncheck()
    check_page(page, "rewards-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved Mug.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Mug")).to_contain_text("Not active")
    assert console_errors == []


def test_long_lists_of_an_inactive_reserve(page: Page, url: str, app: Flask) -> None:
    create_customer_history(app)
    run_in_transaction(app, create_rewards)
    run_in_transaction(app, lambda session: reserves.update(session, "default", "Points", False, False))
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_text("This points reserve is not active.")).to_be_visible()
    check_page(page, "rewards")


@pytest.mark.long
def test_redeeming_for_a_customer(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    row = create_customer_history(app)
    run_in_transaction(app, create_rewards)
    run_in_transaction(app, lambda session: levels.process_batch(session, 3, CREATED_AT))
    sign_in_first_admin(page, url, app, f"/customers/{row}")
    expect(page.get_by_role("heading", name="Levels reached")).to_be_visible()
    check_page(page, "customer-levels")
    follow_link(page, "Redeem a reward")
    dialog = page.get_by_role("dialog", name="Redeem a reward")
    expect(dialog.get_by_label("Badge")).to_be_focused()
    check_page(page, "redeem")
    dialog.get_by_role("button", name="Redeem").click()
    expect(dialog.get_by_text("Choose a reward.")).to_be_visible()
    check_page(page, "redeem-error")
    dialog.get_by_label("Badge").check()
    dialog.get_by_role("button", name="Redeem").click()
    expect(page.get_by_text("Recorded: 1 movement")).to_be_visible()
    expect(page.get_by_text("Redeemed: Badge")).to_be_visible()
    follow_link(page, "Redeem a reward")
    check_page(page, "redeem-again")
    assert console_errors == []


def test_nothing_to_redeem_as_a_page(page: Page, url: str, app: Flask) -> None:
    row = create_customer_history(app)
    sign_in_first_admin(page, url, app, f"/customers/{row}/redeem")
    expect(page.get_by_text("does not have enough points for any reward")).to_be_visible()
    check_page(page, "redeem-nothing")
    page.get_by_role("link", name="Done").click()
    expect(page).to_have_url(f"{url}/customers/{row}")


def test_differences_between_sites(page: Page, url: str, app: Flask) -> None:
    def change(session: Session) -> None:
        reserves.create(session, "gold", None, CREATED_AT)
        create_rewards(session)
        two, three = sample_remotes.add_remote_of_each_status(session)[1:3]
        there = [{"title": "Mug", "cost": 60}, {"title": "X" * 100, "cost": 1}]
        for remote, more in ((two, {"rewards": there, "levels": []}), (three, {})):
            remote.dialect, remote.checked_at = "pointsync", CREATED_AT
            remote.facts = {"lists": [], "rewards_digest": "other"} | more

    run_in_transaction(app, change)
    sign_in_first_admin(page, url, app, "/system/network")
    expect(page.get_by_text("Only there:")).to_be_visible()
    expect(page.get_by_text("It did not report the details.")).to_be_visible()
    check_page(page, "network-rewards")

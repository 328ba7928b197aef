"""System › Shops: the list, a shop's page, and connecting one, with scripts."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.shops import connected_shops
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.connected_shops import PluginClient
from tests.support.sample_shops import LONG_NAME, add_samples

PAGE = "/system/shops"


def test_shops(page: Page, url: str, app: Flask) -> None:
    ids = add_samples(app)
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_role("table", name="WordPress shops").get_by_role("row")).to_have_count(len(ids) + 1)
    check_page(page, "shops")
    page.get_by_role("link", name=LONG_NAME).click()
    expect(page.get_by_role("heading", name="What the plugin reports")).to_be_visible()
    check_page(page, "shops-shop")
    page.goto(f"{url}{PAGE}")
    follow_link(page, "Remove the hook old-hook")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The hook old-hook is removed.")).to_be_visible()
    page.goto(f"{url}/")
    check_page(page, "shops-attention")
    page.goto(f"{url}{PAGE}")
    choose_action(page, "bowls", "Disconnect")
    dialog = page.get_by_role("dialog", name="Disconnect the shop bowls?")
    check_page(page, "shops-disconnect")
    dialog.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("The shop bowls is disconnected.")).to_be_visible()
    assert console_errors == []


def test_a_shop_is_connected_by_keyboard(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, PAGE)
    expect(page.get_by_text("No shops yet.")).to_be_visible()
    check_page(page, "shops-empty")
    follow_link(page, "Connect a WordPress shop")
    dialog = page.get_by_role("dialog", name="Connect a WordPress shop")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("web shop")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("A name needs 1 to 64 letters, digits")).to_be_visible()
    check_page(page, "shops-connect-wrong")
    dialog.get_by_label("Name").fill("web-shop")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Connect web-shop")
    code = dialog.get_by_label("Code", exact=True)
    expect(code).to_have_value(re.compile(r"^psc1\.[0-9A-Za-z_-]+$"))
    expect(dialog.get_by_text(re.compile(r"1[45]:[0-9]{2} minutes"))).to_be_visible()
    check_page(page, "shops-code")
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download the plugin").click()
    assert download.value.suggested_filename.startswith("pointsync-")
    copied = code.input_value()
    dialog.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Waiting for the code")).to_be_visible()
    assert PluginClient(app.test_client()).connect(copied).status_code == 201
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(page.locator("[data-announcer]")).to_have_text("web-shop: Connected")
    choose_action(page, "web-shop", "New code")
    dialog = page.get_by_role("dialog", name="New code for web-shop")
    check_page(page, "shops-new-code")
    dialog.get_by_role("button", name="Get the code").click()
    expect(page.get_by_role("dialog", name="Connect web-shop")).to_be_visible()
    with app.app_context():
        assert connected_shops.get_by_name(db.session(), "web-shop").code_used_at is None

"""API keys and WooCommerce: pages and dialogs, with scripts and without."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db
from pointsync.accounts import api_keys
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.browser.sample_settings import LONG_NAME


def test_api_keys(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, "/system/api-keys")
    keys = page.get_by_role("table", name="API keys").get_by_role("row")
    expect(keys).to_have_count(4)
    check_page(page, "api-keys")
    follow_link(page, "Add")
    dialog = page.get_by_role("dialog", name="Add an API key")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("web shop")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("A name needs 1 to 64 letters, digits")).to_be_visible()
    check_page(page, "api-keys-add-wrong")
    dialog.get_by_label("Name").fill("erp")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="The key erp")
    expect(dialog.get_by_text("Copy the key now. It is not shown again.")).to_be_visible()
    expect(dialog.get_by_label("API key", exact=True)).to_have_value(re.compile("psk_"))
    check_page(page, "api-keys-created")
    dialog.get_by_role("button", name="Copy API key").click()
    expect(dialog.get_by_role("button", name="Copy API key")).to_contain_text("Copied")
    dialog.get_by_role("link", name="Done").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(keys).to_have_count(5)
    assert "psk_" not in page.content().replace("psk_…", "")

    choose_action(page, "erp", "Revoke")
    dialog = page.get_by_role("dialog", name="Revoke the key erp?")
    check_page(page, "api-keys-revoke")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The key erp is revoked")).to_be_visible()
    expect(keys).to_have_count(4)
    follow_link(page, "Add a webhook")
    dialog = page.get_by_role("dialog", name="Add a webhook")
    expect(dialog.get_by_label("URL")).to_be_focused()
    page.keyboard.type("http://127.0.0.1:9/points")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="The webhook is added")
    expect(dialog.get_by_label("Secret", exact=True)).to_have_value(re.compile("whsec_"))
    check_page(page, "webhooks-added")
    dialog.get_by_role("button", name="Copy Secret").click()
    expect(dialog.get_by_role("button", name="Copy Secret")).to_contain_text("Copied")
    dialog.get_by_role("link", name="Done").click()
    choose_action(page, "http://127.0.0.1:9/points", "Send a test")
    expect(page.get_by_text("The test message was not accepted. 127.0.0.1")).to_be_visible()
    follow_link(page, "Add a shop’s orders")
    check_page(page, "order-rule-none-left")
    assert console_errors == []


def test_a_dialog_closed_by_escape_shows_the_new_key(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, "/system/api-keys")
    expect(page.get_by_text("No API keys yet.")).to_be_visible()
    follow_link(page, "Add")
    page.get_by_role("dialog").get_by_label("Name").fill("erp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="The key erp")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("rowheader", name="erp")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_how_the_orders_of_a_shops_program_count(page: Page, url: str, app: Flask) -> None:
    with app.app_context(), db.transaction() as session:
        api_keys.create(session, "till", clock.now(), scopes=["shop"])
    sign_in_first_admin(page, url, app, "/system/api-keys")
    follow_link(page, "Add a shop’s orders")
    dialog = page.get_by_role("dialog", name="Count a shop’s orders")
    expect(dialog.get_by_label("Shop", exact=True)).to_be_focused()
    check_page(page, "order-rule-add")
    dialog.get_by_label("Other currencies").fill("USD 0.9")
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Other currencies")).to_have_attribute("aria-invalid", "true")
    check_page(page, "order-rule-wrong")
    dialog.get_by_label("Other currencies").fill("USD=0.9")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Orders that till reports count in Points now.")).to_be_visible()


def test_woocommerce(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, "/system/woocommerce")
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(3)
    check_page(page, "woocommerce")
    page.wait_for_load_state()
    page.get_by_role("button", name="Copy the delivery URL of orders").click()
    expect(page.locator("[data-announcer]")).to_have_text("Copied.")
    follow_link(page, "Add")
    dialog = page.get_by_role("dialog", name="Add a hook")
    expect(dialog.get_by_label("Name")).to_be_focused()
    expect(dialog.get_by_role("button", name="Preview")).to_have_count(0)
    expect(dialog.get_by_text("total 104.90 EUR → 84 points.")).to_be_visible()
    dialog.get_by_label("Points per unit").fill("2")
    expect(dialog.get_by_text("→ 168 points.")).to_be_visible()
    check_page(page, "woocommerce-add")
    dialog.get_by_text("More options", exact=True).click()
    dialog.get_by_label("Minimum order").fill("90")
    expect(dialog.get_by_text("84.03 is below the minimum of 90.00.")).to_be_visible()
    check_page(page, "woocommerce-add-more")
    dialog.get_by_label("Minimum order").fill("")
    dialog.get_by_label("Name").fill("tea-shop")
    dialog.get_by_label("Secret").fill("kept in this window")
    dialog.get_by_label("The shop plugin's movements").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("orders would count twice")).to_be_visible()
    expect(dialog.get_by_label("Points Reserve")).to_be_focused()
    expect(dialog.get_by_label("Secret")).to_have_value("kept in this window")
    check_page(page, "woocommerce-add-wrong")
    dialog.get_by_label("Orders", exact=True).check()
    dialog.get_by_label("Secret").fill("")
    dialog.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="The hook tea-shop")
    expect(dialog.get_by_text("Copy the secret now. It is not shown again.")).to_be_visible()
    expect(dialog.get_by_label("Secret", exact=True)).to_have_value(re.compile("^[0-9a-f]{32}$"))
    check_page(page, "woocommerce-created")
    dialog.get_by_role("link", name="Done").click()
    expect(page.get_by_role("rowheader", name="tea-shop")).to_be_visible()

    choose_action(page, "tea-shop", "Edit")
    dialog = page.get_by_role("dialog", name="Edit the hook tea-shop")
    expect(dialog.get_by_label("Points per unit")).to_be_focused()
    check_page(page, "woocommerce-edit")
    page.keyboard.type("x")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("The rate must be above 0").first).to_be_visible()
    dialog.get_by_label("Points per unit").fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved tea-shop.")).to_be_visible()
    choose_action(page, "tea-shop", "Remove")
    dialog = page.get_by_role("dialog", name="Remove the hook tea-shop?")
    check_page(page, "woocommerce-remove")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The hook tea-shop is removed")).to_be_visible()
    page.get_by_role("rowheader", name="orders", exact=True).get_by_role("link").click()
    expect(page.get_by_role("table", name="Last deliveries").get_by_role("row")).to_have_count(5)
    check_page(page, "woocommerce-hook")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="WooCommerce").click()
    page.get_by_role("link", name=LONG_NAME, exact=True).click()
    expect(page.get_by_text("No deliveries yet.")).to_be_visible()
    check_page(page, "woocommerce-hook-new")
    assert console_errors == []


def test_without_scripts_the_example_needs_a_button(
    page_without_scripts: Page, url: str, filled_settings: Flask
) -> None:
    page = page_without_scripts
    sign_in_first_admin(page, url, filled_settings, "/system/woocommerce/add")
    page.get_by_label("Points per unit").fill("3")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("→ 252 points.")).to_be_visible()
    expect(page.get_by_role("button", name="Preview")).to_be_focused()
    expect(page.get_by_label("Points per unit")).to_have_value("3")


def test_without_scripts_a_key_is_created_shown_once_and_revoked(
    page_without_scripts: Page, url: str, app: Flask
) -> None:
    sign_in_first_admin(page_without_scripts, url, app, "/system/api-keys")
    page_without_scripts.get_by_role("link", name="Add", exact=True).click()
    page_without_scripts.get_by_label("Name").fill("erp")
    page_without_scripts.get_by_role("button", name="Create key").click()
    expect(page_without_scripts.get_by_text("Copy the key now. It is not shown again.")).to_be_visible()
    expect(page_without_scripts.get_by_label("API key", exact=True)).to_have_value(re.compile("psk_"))
    expect(page_without_scripts.get_by_role("button", name="Copy API key")).to_be_hidden()
    page_without_scripts.get_by_role("link", name="Done").click()
    choose_action(page_without_scripts, "erp", "Revoke")
    page_without_scripts.get_by_role("button", name="Revoke").click()
    expect(page_without_scripts.get_by_text("The key erp is revoked")).to_be_visible()
    expect(page_without_scripts.get_by_text("No API keys yet.")).to_be_visible()

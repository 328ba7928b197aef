"""System › WooCommerce › Reading shops: the dialogs that connect a shop and forget its key."""

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.models import Site
from tests.browser.navigation import choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.browser.sample_settings import LONG_NAME
from tests.support.woocommerce_shop import KEY, SECRET, run_shop

WOOCOMMERCE_PAGE = "/system/woocommerce"


def test_a_key_is_pasted_and_forgotten(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, WOOCOMMERCE_PAGE)
    follow_link(page, f"Connect {LONG_NAME}")
    dialog = page.get_by_role("dialog", name="Connect the shop for reading")
    expect(dialog.get_by_text("only to a site whose public URL begins with https://")).to_be_visible()
    check_page(page, "shop-key-paste")
    with run_shop() as shop:
        dialog.get_by_label("URL").fill(shop.url)
        dialog.get_by_role("button", name="Connect").click()
        expect(dialog.locator(".field-error").first).to_be_visible()
        check_page(page, "shop-key-paste-wrong")
        dialog.get_by_label("Consumer key").fill(KEY)
        dialog.get_by_label("Consumer secret").fill(SECRET)
        dialog.get_by_role("button", name="Connect").click()
        expect(page.get_by_text("is connected. Its orders of the last 90 days are read now.")).to_be_visible()
        check_page(page, "shop-connected")
        choose_action(page, shop.url, "Forget the key")
    dialog = page.get_by_role("dialog", name="Forget the key of")
    check_page(page, "shop-key-forget")
    dialog.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_text(f"The key of {shop.url} is forgotten.")).to_be_visible()
    assert console_errors == []


def test_a_shop_is_asked_for_a_key(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    with filled_settings.app_context(), db.transaction() as session:
        session.get_one(Site, 1).url = "https://points.test"
    sign_in_first_admin(page, url, filled_settings, WOOCOMMERCE_PAGE)
    follow_link(page, f"Connect {LONG_NAME}")
    dialog = page.get_by_role("dialog", name="Connect the shop for reading")
    expect(dialog.get_by_role("link", name="paste a key")).to_be_visible()
    check_page(page, "shop-key-ask")
    with run_shop() as shop:
        dialog.get_by_label("URL").fill(shop.url)
        dialog.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("link", name="Continue in the shop")).to_be_visible()
        check_page(page, "shop-key-asked")
    assert console_errors == []

"""General, API keys, WooCommerce and Admins in every width and colour: pages, dialogs, and the plain pages behind."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pointsync import clock, db
from pointsync.models import HookDelivery
from pointsync.runtime import runtime
from pointsync.sync import admins, hooks, keys
from tests.browser.conftest import PATIENCE_MS
from tests.browser.inside import NAME, PASSWORD, come_in
from tests.browser.looks import check, complaints

LONG = "till-of-the-second-shop-" + "x" * 40
ZOE = "Zoë Wiśniewska-Kowalczyk of the shop with the longest name of them all"
NEW = "staple of another horse"
LINES = [
    ("order.created", "unused", "The order is pending; points are given once it is completed."),
    ("order.updated", "recorded", "+25 points recorded."),
    ("order.updated", "duplicate", "This was recorded before, so nothing changed."),
    ("action.woocommerce_order_status_completed", "unused", "https://evil.example/" + "z" * 200),
]


@pytest.fixture
def full(app: Flask) -> Flask:
    """A site with keys, hooks and admins, some with long names."""
    with app.app_context(), db.write() as session:
        now = clock.now()
        keys.create(session, "web-shop", now)
        keys.create(session, LONG, now)
        vault, more = runtime().vault, {"reserve_key": "default", "now": now}
        hook = hooks.add(session, vault, name="orders", secret="s", rate="0.5", **more)
        hooks.add(session, vault, name=LONG, secret="s", status="processing", **more)
        hook.shop = "https://a-very-long-host-name-that-goes-on-and-on.and-on.example.museum/shop/"
        for number, (topic, outcome, message) in enumerate(LINES):
            facts = {"topic": topic, "outcome": outcome, "message": message}
            session.add(HookDelivery(hook_id=hook.id, received_at=now - timedelta(minutes=9 - number), **facts))
        admins.create(session, ZOE, PASSWORD, now)
    return app


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page of a browser without scripts."""
    context: BrowserContext = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def follow(page: Page, name: str) -> None:
    """Follow a link, once the page's scripts are there to open it in a dialog."""
    page.wait_for_load_state()
    page.get_by_role("link", name=name, exact=True).click()


def act(page: Page, row: str, action: str) -> None:
    """Choose an action of a row's menu."""
    page.wait_for_load_state()
    page.locator(f"summary[aria-label='Actions for {row}']").click()
    page.locator(".menu[open] .menu-item", has_text=action).click()


def test_general(page: Page, url: str, app: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url.replace("127.0.0.1", "localhost"), app, "/system/general")
    check(page, f"general-offer-{scheme}-{width}")
    page.get_by_label("Public URL").fill("shop.example")
    page.get_by_label("Time zone").fill("Paris")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("There is no time zone 'Paris'")).to_be_visible()
    expect(page.get_by_label("Site name")).to_be_editable(editable=False)
    expect(page.get_by_label("Public URL")).to_be_focused()
    expect(page.get_by_label("Public URL")).to_have_value("shop.example")
    check(page, f"general-wrong-{scheme}-{width}")
    page.get_by_label("Public URL").fill("https://mugs.example")
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_text("Times are in Asia/Tokyo.")).to_be_visible()
    page.get_by_label("Public URL").fill("https://cups.example")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Hand their admins the new sharing key")).to_be_visible()
    check(page, f"general-{scheme}-{width}")
    assert heard == []


def test_an_address_is_confirmed_in_one_click(page: Page, url: str, app: Flask) -> None:
    here = url.replace("127.0.0.1", "localhost")
    come_in(page, here, app, "/system/general")
    page.get_by_role("button", name=f"Use {here}").click()
    expect(page.get_by_text(f"Other sites call this one at {here} from now on.")).to_be_visible()
    expect(page.get_by_label("Public URL")).to_have_value(here)
    expect(page.get_by_role("button", name="Use")).to_have_count(0)


def test_api_keys(page: Page, url: str, full: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url, full, "/system/api-keys")
    expect(page.get_by_role("row")).to_have_count(3)
    check(page, f"api-keys-{scheme}-{width}")
    follow(page, "Add")
    dialog = page.get_by_role("dialog", name="Add an API key")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("web shop")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("A name has letters, digits")).to_be_visible()
    check(page, f"api-keys-add-wrong-{scheme}-{width}")
    dialog.get_by_label("Name").fill("erp")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="The key erp")
    expect(dialog.get_by_text("Copy the key now: it is not shown again.")).to_be_visible()
    expect(dialog.get_by_label("API key", exact=True)).to_have_value(re.compile("psk_"))
    check(page, f"api-keys-made-{scheme}-{width}")
    dialog.get_by_role("button", name="Copy API key").click()
    expect(dialog.get_by_role("button", name="Copy API key")).to_contain_text("Copied")
    dialog.get_by_role("link", name="Done").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("row")).to_have_count(4)
    assert "psk_" not in page.content().replace("psk_…", "")

    act(page, "erp", "Revoke")
    dialog = page.get_by_role("dialog", name="Revoke the key erp?")
    check(page, f"api-keys-revoke-{scheme}-{width}")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The key erp is revoked")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(3)
    assert heard == []


def test_a_dialog_left_by_escape_shows_what_was_made(page: Page, url: str, app: Flask) -> None:
    come_in(page, url, app, "/system/api-keys")
    expect(page.get_by_text("No API keys yet.")).to_be_visible()
    follow(page, "Add")
    page.get_by_role("dialog").get_by_label("Name").fill("erp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="The key erp")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("rowheader", name="erp")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_woocommerce(page: Page, url: str, full: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url, full, "/system/woocommerce")
    expect(page.get_by_role("row")).to_have_count(3)
    check(page, f"woocommerce-{scheme}-{width}")
    page.wait_for_load_state()
    page.get_by_role("button", name="Copy the delivery URL of orders").click()
    expect(page.locator("[data-said]")).to_have_text("Copied.")
    follow(page, "Add")
    dialog = page.get_by_role("dialog", name="Add a hook")
    expect(dialog.get_by_label("Name")).to_be_focused()
    check(page, f"woocommerce-add-{scheme}-{width}")
    dialog.get_by_label("Name").fill("tea-shop")
    dialog.get_by_label("Secret").fill("kept in this window")
    dialog.get_by_label("The shop plugin's movements").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("an order would count twice")).to_be_visible()
    expect(dialog.get_by_label("Points Reserve")).to_be_focused()
    expect(dialog.get_by_label("Secret")).to_have_value("kept in this window")
    check(page, f"woocommerce-add-wrong-{scheme}-{width}")
    dialog.get_by_label("Orders", exact=True).check()
    dialog.get_by_label("Secret").fill("")
    dialog.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="The hook tea-shop")
    expect(dialog.get_by_text("Copy the secret now: it is not shown again.")).to_be_visible()
    expect(dialog.get_by_label("Secret", exact=True)).to_have_value(re.compile("^[0-9a-f]{32}$"))
    check(page, f"woocommerce-made-{scheme}-{width}")
    dialog.get_by_role("link", name="Done").click()
    expect(page.get_by_role("rowheader", name="tea-shop")).to_be_visible()

    act(page, "tea-shop", "Remove")
    dialog = page.get_by_role("dialog", name="Remove the hook tea-shop?")
    check(page, f"woocommerce-remove-{scheme}-{width}")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The hook tea-shop is removed")).to_be_visible()
    page.get_by_role("link", name="orders", exact=True).click()
    expect(page.get_by_role("table", name="Last deliveries").get_by_role("row")).to_have_count(5)
    check(page, f"woocommerce-hook-{scheme}-{width}")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="WooCommerce").click()
    page.get_by_role("link", name=LONG, exact=True).click()
    expect(page.get_by_text("No deliveries yet.")).to_be_visible()
    check(page, f"woocommerce-hook-new-{scheme}-{width}")
    assert heard == []


def test_admins(page: Page, url: str, full: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url, full, "/system/admins")
    expect(page.get_by_role("row")).to_have_count(3)
    check(page, f"admins-{scheme}-{width}")
    follow(page, "Add")
    dialog = page.get_by_role("dialog", name="Add an admin")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("Bob")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_label("Password again").fill(NEW)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("The two passwords differ")).to_be_visible()
    expect(dialog.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    expect(dialog.get_by_label("Password again")).to_have_value("")
    check(page, f"admins-add-wrong-{scheme}-{width}")
    dialog.get_by_label("Password again").fill(PASSWORD)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Bob may sign in now")).to_be_visible()

    act(page, "Bob", "Remove")
    dialog = page.get_by_role("dialog", name="Remove this admin?")
    check(page, f"admins-remove-{scheme}-{width}")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Bob cannot sign in any more.")).to_be_visible()

    follow(page, "Change your password")
    dialog = page.get_by_role("dialog", name="Change your password")
    expect(dialog.get_by_label("Present password")).to_be_focused()
    check(page, f"admins-password-{scheme}-{width}")
    for old in ("wrong horse battery", PASSWORD):
        dialog.get_by_label("Present password").fill(old)
        dialog.get_by_label("New password", exact=True).fill(NEW)
        dialog.get_by_label("New password again").fill(NEW)
        dialog.get_by_role("button", name="Save").click()
        if old != PASSWORD:
            expect(dialog.get_by_text("This is not your present password")).to_be_visible()
            expect(dialog.get_by_label("Present password")).to_be_focused()
            check(page, f"admins-password-wrong-{scheme}-{width}")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert heard == []


def test_removing_oneself_and_the_last_one(page: Page, url: str, full: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url, full, "/system/admins")
    act(page, NAME, "Remove")
    check(page, f"admins-remove-you-{scheme}-{width}")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Ada cannot sign in any more.")).to_be_visible()
    check(page, f"admins-gone-{scheme}-{width}")
    page.get_by_label("Name").fill(ZOE)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{url}/system/admins")
    act(page, ZOE, "Remove")
    dialog = page.get_by_role("dialog", name="The last admin stays")
    expect(dialog.get_by_role("button", name="Remove")).to_have_count(0)
    check(page, f"admins-last-{scheme}-{width}")
    dialog.get_by_role("link", name="Cancel").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert heard == []


def test_the_sheets_as_pages(page: Page, url: str, full: Flask, width: int, scheme: str) -> None:
    heard = complaints(page)
    come_in(page, url, full, "/system/api-keys/add")
    for path, name in {
        "api-keys/add": "api-keys-add",
        "api-keys/1/revoke": "api-keys-revoke",
        "woocommerce/add": "woocommerce-add",
        "woocommerce/2/remove": "woocommerce-remove",
        "admins/add": "admins-add",
        "admins/password": "admins-password",
        "admins/1/remove": "admins-remove",
    }.items():
        page.goto(f"{url}/system/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        check(page, f"page-{name}-{scheme}-{width}")
    assert heard == []


def test_without_scripts_a_key_is_made_shown_once_and_revoked(plain: Page, url: str, app: Flask) -> None:
    come_in(plain, url, app, "/system/api-keys")
    plain.get_by_role("link", name="Add").click()
    plain.get_by_label("Name").fill("erp")
    plain.get_by_role("button", name="Make key").click()
    expect(plain.get_by_text("Copy the key now: it is not shown again.")).to_be_visible()
    expect(plain.get_by_label("API key", exact=True)).to_have_value(re.compile("psk_"))
    expect(plain.get_by_role("button", name="Copy API key")).to_be_hidden()
    plain.get_by_role("link", name="Done").click()
    act(plain, "erp", "Revoke")
    plain.get_by_role("button", name="Revoke").click()
    expect(plain.get_by_text("The key erp is revoked")).to_be_visible()
    expect(plain.get_by_text("No API keys yet.")).to_be_visible()


def test_too_many_guesses_in_a_dialog_end_on_a_page_that_says_so(page: Page, url: str, app: Flask) -> None:
    come_in(page, url, app, "/system/admins")
    follow(page, "Change your password")
    dialog = page.get_by_role("dialog")
    for number in range(10):
        guess = f"wrong horse battery {number}"
        dialog.get_by_label("Present password").fill(guess)
        dialog.get_by_label("New password", exact=True).fill(NEW)
        dialog.get_by_label("New password again").fill(NEW)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_label("Present password")).to_have_value("")
    dialog.get_by_label("Present password").fill(PASSWORD)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Too many tries")).to_be_visible()

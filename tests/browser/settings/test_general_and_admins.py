"""General and Admins: pages and dialogs; and the forms of System's lists as plain pages."""

from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE_WAYS
from tests.browser.navigation import NAME, PASSWORD, choose_action, follow_link, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.browser.sample_settings import LONG_ADMIN_NAME, add_other_sign_ins

NEW = "staple of another horse"


def test_general(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url.replace("127.0.0.1", "localhost"), app, "/system/general")
    check_page(page, "general-offer")
    page.get_by_label("Public URL").fill("shop.example")
    page.get_by_label("Time zone").fill("Paris")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("There is no time zone 'Paris'")).to_be_visible()
    expect(page.get_by_label("Site name")).to_be_editable(editable=False)
    expect(page.get_by_label("Public URL")).to_be_focused()
    expect(page.get_by_label("Public URL")).to_have_value("shop.example")
    check_page(page, "general-wrong")
    page.get_by_label("Public URL").fill("https://mugs.example")
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_text("Times are in Asia/Tokyo.")).to_be_visible()
    page.get_by_label("Public URL").fill("https://cups.example")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("so other sites must update their remote for this one")).to_be_visible()
    check_page(page, "general")
    assert console_errors == []


def test_the_suggested_url_is_confirmed_in_one_click(page: Page, url: str, app: Flask) -> None:
    site_url = url.replace("127.0.0.1", "localhost")
    sign_in_first_admin(page, site_url, app, "/system/general")
    page.get_by_role("button", name=f"Use this URL: {site_url}", exact=True).click()
    expect(page.get_by_text(f"Other sites now call this one at {site_url}.")).to_be_visible()
    expect(page.get_by_label("Public URL")).to_have_value(site_url)
    expect(page.get_by_role("button", name="Use")).to_have_count(0)


@AXE_WAYS
def test_admins(page: Page, url: str, filled_settings: Flask, axe_ways: int) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, "/system/admins")
    add_other_sign_ins(filled_settings)
    page.reload()
    people, browsers = (
        page.get_by_role("table", name=name, exact=True) for name in ("Admins", "Where admins are signed in")
    )
    expect(people.get_by_role("row")).to_have_count(3)
    expect(browsers.get_by_role("row")).to_have_count(5)
    expect(browsers.get_by_role("row").filter(has_text="This browser")).to_have_count(1)
    check_page(page, "admins", axe_ways=axe_ways)
    choose_action(page, LONG_ADMIN_NAME, "Disable")
    dialog = page.get_by_role("dialog", name="Disable this admin?")
    check_page(page, "admins-disable")
    dialog.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("cannot sign in until an admin enables them again")).to_be_visible()
    expect(browsers.get_by_role("row")).to_have_count(4)
    check_page(page, "admins-disabled")
    choose_action(page, f"{NAME}, Firefox on Linux", "Sign out")
    expect(page.get_by_text("Ada is signed out of Firefox on Linux.")).to_be_visible()
    page.get_by_role("button", name="End all my other sign-ins").click()
    expect(page.get_by_text("Ada is signed out of 1 browser.")).to_be_visible()
    expect(browsers.get_by_role("row")).to_have_count(2)
    choose_action(page, LONG_ADMIN_NAME, "Enable")
    expect(page.get_by_text("can sign in again with the same password")).to_be_visible()
    follow_link(page, "Add")
    dialog = page.get_by_role("dialog", name="Add an admin")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("Bob")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_label("Password again").fill(NEW)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("The two passwords differ")).to_be_visible()
    expect(dialog.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    expect(dialog.get_by_label("Password again")).to_have_value("")
    check_page(page, "admins-add-wrong")
    dialog.get_by_label("Password again").fill(PASSWORD)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Bob can now sign in")).to_be_visible()

    choose_action(page, "Bob", "Remove")
    dialog = page.get_by_role("dialog", name="Remove this admin?")
    check_page(page, "admins-remove")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Bob can no longer sign in.")).to_be_visible()

    follow_link(page, "Change your password")
    dialog = page.get_by_role("dialog", name="Change your password")
    expect(dialog.get_by_label("Current password")).to_be_focused()
    check_page(page, "admins-password")
    for old in ("wrong horse battery", PASSWORD):
        dialog.get_by_label("Current password").fill(old)
        dialog.get_by_label("New password", exact=True).fill(NEW)
        dialog.get_by_label("New password again").fill(NEW)
        dialog.get_by_role("button", name="Save").click()
        if old != PASSWORD:
            expect(dialog.get_by_text("This is not your current password")).to_be_visible()
            expect(dialog.get_by_label("Current password")).to_be_focused()
            check_page(page, "admins-password-wrong")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert console_errors == []


def test_removing_oneself_and_the_last_one(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, "/system/admins")
    choose_action(page, NAME, "Remove")
    check_page(page, "admins-remove-you")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Ada can no longer sign in.")).to_be_visible()
    check_page(page, "admins-gone")
    page.get_by_label("Name").fill(LONG_ADMIN_NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{url}/system/admins")
    choose_action(page, LONG_ADMIN_NAME, "Remove")
    dialog = page.get_by_role("dialog", name="The last admin cannot be removed")
    expect(dialog.get_by_role("button", name="Remove")).to_have_count(0)
    check_page(page, "admins-last")
    dialog.get_by_role("link", name="Cancel").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert console_errors == []


def test_the_forms_as_pages(page: Page, url: str, filled_settings: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, filled_settings, "/system/api-keys/add")
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
        check_page(page, f"page-{name}")
    assert console_errors == []


def test_too_many_guesses_in_a_dialog_end_on_a_page_that_says_so(page: Page, url: str, app: Flask) -> None:
    sign_in_first_admin(page, url, app, "/system/admins")
    follow_link(page, "Change your password")
    dialog = page.get_by_role("dialog")
    for number in range(10):
        guess = f"wrong horse battery {number}"
        dialog.get_by_label("Current password").fill(guess)
        dialog.get_by_label("New password", exact=True).fill(NEW)
        dialog.get_by_label("New password again").fill(NEW)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_label("Current password")).to_have_value("")
    dialog.get_by_label("Current password").fill(PASSWORD)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Too many attempts")).to_be_visible()

"""Two real sites and their admins' browsers, from the first link to the deleted remote; with scripts and without."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.admin_window import AdminWindow
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.navigation import NAME, PASSWORD, follow_link
from tests.support.process import SiteProcess, wait_until

ALICE = "alice@shop.example"


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.long)], ids=["scripts", "no scripts"])
def admin_windows(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path
) -> Iterator[tuple[AdminWindow, AdminWindow]]:
    """Two sites at their first start, with a browser for each and short retry delays."""
    with ExitStack() as stack:
        windows = []
        for name in ("Mug shop", "Tea shop"):
            site = SiteProcess(tmp_path / name[:3].lower(), env={"POINTSYNC_SITE_NAME": name}).create()
            site.cli("setting", "set", "delay_seconds", "3")
            stack.enter_context(site)
            context = browser.new_context(java_script_enabled=request.param, viewport={"width": 1280, "height": 900})
            stack.callback(context.close)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            context.set_default_timeout(TIMEOUT_MS)
            windows.append(AdminWindow(context.new_page(), site, scripts=request.param))
        yield windows[0], windows[1]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_family_in_the_panel(admin_windows: tuple[AdminWindow, AdminWindow]) -> None:
    mug, tea = admin_windows
    mug.begin()
    tea.begin()

    # Copy the four fields
    tea.points_sync()
    facts = tea.site.cli("site", "--secrets")
    labels = {
        "Sharing key": "sharing_key",
        "Your local URL": "url",
        "Your Secret Auth": "auth",
        "Your Secret Pass": "pass",
    }
    pasted = {name: tea.copy(label) for label, name in labels.items()}
    assert pasted == {name: facts[name] for name in labels.values()}

    # Paste a key, save and read the result; HTTPS fails, and one click switches to HTTP
    mug.points_sync()
    add_remote(mug, facts["sharing_key"])
    mug.sees("Saved: ")
    mug.press("Use http:// instead")
    mug.sees("Connected to Tea shop")
    mug.sees("does not list this site yet")
    tea.points_sync()
    add_remote(tea, mug.site.cli("site", "--secrets")["sharing_key"])
    tea.press("Use http:// instead")
    tea.sees("Connected to Mug shop")

    # A setting, invalid and valid
    mug.page.get_by_role("textbox", name="Max sync. attempt").fill("0")
    mug.press("Save Changes")
    mug.sees("Type a whole number from 1 to 1,000.")
    expect(mug.page.get_by_role("textbox", name="Max sync. attempt")).to_have_value("0")
    assert mug.site.cli("setting", "list")[0]["value"] == 10
    mug.page.get_by_role("textbox", name="Max sync. attempt").fill("3")
    mug.press("Save Changes")
    mug.sees("Saved.")
    assert mug.site.cli("setting", "list")[0]["value"] == 3

    # Points that an admin adds are shown on the other site
    add_points(mug, ALICE, 120, "Welcome & thanks")
    wait_until(lambda: tea.site.run("balance", ALICE).returncode == 0, 30, "Alice is known there")
    tea.page.get_by_role("link", name="Customers").first.click()
    tea.page.get_by_role("link", name=ALICE).first.click()
    tea.sees("Welcome & thanks")
    tea.sees("Mug shop")
    expect(tea.page.get_by_role("cell", name="+120")).to_be_visible()

    # The other site stops: orange, then red. It starts: orange again
    mug.points_sync()
    mug.sees_status("Warning", "In step. Last error")  # because of the failed check over HTTPS
    tea.site.kill()
    mug.site.cli("record", ALICE, "5", "--reason", "While it was away")
    mug.sees_status("Warning", "refused the connection")
    mug.sees_status("Error", "Not delivered after 3 attempts")
    mug.sees_status("Error", "1 movement waiting")
    tea.site.start()
    mug.sees_status("Warning", "In step. Last error")

    # Retry now
    tea.site.kill()
    mug.site.cli("record", ALICE, "5")
    mug.sees_status("Error")
    tea.site.start()
    mug.act("Tea shop", "Retry now")
    mug.sees("Retrying Tea shop now.")
    mug.sees_status("Warning", "In step. Last error")

    # Delete, with the number of waiting movements
    mug.act("Tea shop", "Pause")
    mug.sees("Tea shop is paused.")
    for _ in range(3):
        mug.site.cli("record", ALICE, "1")
    mug.act("Tea shop", "Delete")
    mug.sees("3 movements are waiting for it and would not be sent.")
    mug.press("Discard 3 and delete")
    mug.sees("Tea shop is deleted.")
    mug.sees("No remote sites yet.")
    assert mug.heard == []
    assert tea.heard == []


def test_a_remote_is_added_by_keyboard_alone(admin_windows: tuple[AdminWindow, AdminWindow]) -> None:
    mug, tea = admin_windows
    mug.site.cli("admin", "create", NAME, "--password-stdin", input=PASSWORD)
    facts = tea.site.cli("site", "--secrets")
    page = mug.page
    page.goto(f"{mug.site.url}/system/points-sync")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    mug.sees("No remote sites yet.")
    tab_until_focused(mug, "Add")
    page.keyboard.press("Enter")
    expect(page.locator(".sheet").get_by_label("Sharing key", exact=True)).to_be_focused()
    page.keyboard.insert_text(facts["sharing_key"])
    tab_until_focused(mug, "URL")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(facts["url"])
    tab_until_focused(mug, "Save")
    page.keyboard.press("Enter")
    mug.sees("Connected to Tea shop")
    tab_until_focused(mug, "Actions for Tea shop")
    page.keyboard.press("Enter")
    tab_until_focused(mug, "Pause")
    page.keyboard.press("Enter")
    mug.sees("Tea shop is paused.")


def add_remote(window: AdminWindow, sharing_key: str) -> None:
    """Add a remote with nothing but its sharing key."""
    follow_link(window.page, "Add")
    window.page.locator(".sheet").get_by_label("Sharing key", exact=True).fill(sharing_key)
    if window.scripts:
        expect(window.page.get_by_label("URL", exact=True)).to_have_value(sharing_key.partition("|")[0])
    window.press("Save")


def add_points(window: AdminWindow, email: str, points: int, reason: str) -> None:
    """Add points to a new customer."""
    window.page.get_by_role("link", name="Customers").first.click()
    window.page.get_by_role("link", name="Adjust points").first.click()
    window.page.get_by_label("E-mail").fill(email)
    window.page.get_by_label("Points", exact=True).fill(str(points))
    window.page.get_by_label("Reason").fill(reason)
    window.press("Save")
    window.sees("Recorded")


def tab_until_focused(window: AdminWindow, name: str, max_presses: int = 60) -> None:
    """Press Tab until the element with this name has the focus."""
    named = (
        "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText)(document.activeElement).trim()"
    )
    for _ in range(max_presses):
        window.page.keyboard.press("Tab")
        if window.page.evaluate(named) == name:
            return
    raise AssertionError(f"no Tab leads to {name}")

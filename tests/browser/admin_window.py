"""An admin at a desk: a browser window open at one real site's panel."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.navigation import NAME, PASSWORD, choose_action
from tests.browser.page_checks import collect_console_errors
from tests.support.process import SiteProcess, wait_until

SETUP_LINK = re.compile(rb"http://\S+/setup/\S+")
TIMEOUT_MS = 40_000


class AdminWindow:
    """What an admin does, by the words on the screen; with scripts or without."""

    def __init__(self, page: Page, site: SiteProcess, scripts: bool) -> None:
        self.page = page
        self.site = site
        self.scripts = scripts
        self.heard = collect_console_errors(page)

    def begin(self) -> None:
        """Come by the one-time link that the first start has printed, and become the first admin."""
        found = SETUP_LINK.search(self.site.log.read_bytes())
        assert found, self.site.log_tail()
        self.page.goto(found[0].decode())
        self.page.get_by_label("Name").fill(NAME)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("Password again").fill(PASSWORD)
        self.press("Create and sign in")
        self.sees("You are signed in")

    def points_sync(self) -> None:
        """Open System › Points Sync. by its links."""
        self.page.get_by_role("navigation", name="Sections").get_by_role("link", name="System").click()
        self.page.get_by_role("navigation", name="System").get_by_role("link", name="Points Sync.").click()
        expect(self.page.get_by_role("heading", name="Remote sites")).to_be_visible()

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def act(self, row: str, action: str) -> None:
        """Choose an action of a row's menu."""
        choose_action(self.page, row, action)

    def sees(self, words: str) -> None:
        """Wait until the words are on the screen."""
        expect(self.page.get_by_text(words).first).to_be_visible(timeout=TIMEOUT_MS)

    def sees_status(self, words: str, text: str = "") -> None:
        """Wait until the line's status says so: by itself with scripts, by loading the page again without."""
        status = self.page.get_by_role("cell").filter(has=self.page.locator(".status-label", has_text=words))
        if self.scripts:
            expect(status).to_contain_text(text, timeout=TIMEOUT_MS)
        else:
            self._reload_until(status, text)

    def copy(self, label: str) -> str:
        """Copy one of the four fields as an admin would, and paste it somewhere else: what arrives there."""
        if self.scripts:
            self.page.get_by_role("button", name=f"Copy {label}").click()
            expect(self.page.get_by_role("button", name=f"Copy {label}")).to_contain_text("Copied")
        else:
            show = self.page.get_by_role("button", name=f"Show {label}")
            if show.count():
                show.click()
            self.page.get_by_label(label, exact=True).focus()
            self.page.keyboard.press("Control+A")
            self.page.keyboard.press("Control+C")
        elsewhere = self.page.context.new_page()
        elsewhere.set_content("<label>Here <input></label>")
        elsewhere.get_by_label("Here").focus()
        elsewhere.keyboard.press("Control+V")
        pasted = elsewhere.get_by_label("Here").input_value()
        elsewhere.close()
        return pasted

    def _reload_until(self, status: Locator, text: str) -> None:
        wait_until(lambda: self._has_reloaded_to(status, text), TIMEOUT_MS / 1000, f"a status with {text!r}")

    def _has_reloaded_to(self, status: Locator, text: str) -> bool:
        self.page.goto(self.page.url.partition("?")[0].partition("#")[0])
        return status.count() == 1 and text in status.inner_text()

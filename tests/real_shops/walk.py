"""A shop's owner connects the shop in a browser, and a customer buys something: from *Connect* to the first point in
the other shop. Every step is counted and has pictures, in a wide and in a narrow window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.real_shops.block_checkout import fill_in, place_order
from tests.real_shops.shop import Shop
from tests.real_shops.tour import Tour
from tests.support.family import Member, family
from tests.support.process import SiteProcess, wait_until

MAX_STEPS = 6
WIDTHS = (1440, 360)
HEIGHT, DIALOG_HEIGHT, MAX_HEIGHT = 900, 1250, 2600
PART_WIDTH = 800
TIMEOUT_MS = 60_000
POINT_SECONDS = 20
ADMIN, PASSWORD = "ada", "a-Pass-of-1"
CUSTOMER = "first-customer@example.com"
PRICE, POINTS = "50", 50
ENV = {"POINTSYNC_PRIVATE_REMOTES": "on"}


def walk(folder: Path, pictures: Path, base: Path, cache: Path) -> None:
    """Walk through all steps on the shop in `folder`. Raises AssertionError if it takes too many, or a secret."""
    pictures.mkdir(parents=True, exist_ok=True)
    with Shop(folder, cache, has_plugin=False) as shop, family(base, "Mugs", "Tea", env=ENV) as members:
        for member in members:
            _add_admin(member.site)
        login = shop.do("admin")["login"]
        product = shop.do("product", name="Mug", price=PRICE, is_reused=True)["id"]
        with _browser() as browser:
            owner, customer = _window(browser), _window(browser)
            _sign_in(owner, members[0].site.url, shop.url, login)
            Walk(shop, members, owner, customer, pictures).run(product)


class Walk:
    """The steps, one after the other."""

    def __init__(
        self, shop: Shop, members: list[Member], owner: BrowserContext, customer: BrowserContext, pictures: Path
    ) -> None:
        self.shop, self.pictures = shop, pictures
        self.site, self.other = members
        self.panel, self.office, self.visitor = owner.new_page(), owner.new_page(), customer.new_page()
        self.steps: list[str] = []
        self.too_wide: list[str] = []

    def run(self, product: int) -> None:
        """All steps."""
        self.remove_plugin()
        self.choose_rule()
        plugin = self.download_plugin()
        self.install_plugin(plugin)
        code = self.copy_code()
        self.paste_code(code)
        self.buy(product)
        self.see_points()
        assert len(self.steps) <= MAX_STEPS, self.steps
        Tour(self.shop, self.site, self.office, self.visitor, self.picture_page).run(product)
        print(f"{len(self.steps)} steps, no secret field:", *self.steps, sep="\n  ")
        print("Pages wider than the window:", *(self.too_wide or ["none"]), sep="\n  ")

    def remove_plugin(self) -> None:
        """The shop as it is before: without the plugin, in the way in which its owner removes it."""
        self.office.goto(f"{self.shop.url}/wp-admin/plugins.php")
        row = self.office.locator("tr[data-plugin='pointsync/pointsync.php']")
        if row.count() and row.get_by_role("link", name="Deactivate").count():
            row.get_by_role("link", name="Deactivate").click()
            expect(row.get_by_role("link", name="Delete")).to_be_visible()
        if row.count():
            # The link's page, which asks; the scripts of the list would ask in a dialog.
            self.office.goto(f"{self.shop.url}/wp-admin/{row.get_by_role('link', name='Delete').get_attribute('href')}")
            self.office.get_by_role("button", name="Yes, delete").click()
            expect(self.office.get_by_role("heading", name="Plugins list", exact=True)).to_be_attached()
        assert not (self.shop.folder / "wp-content/plugins/pointsync").exists()
        self.shop.do("forget_plugin")

    def choose_rule(self) -> None:
        """In PointSync: the shop's name, and how its orders count."""
        self.step("PointSync › System › Shops › Connect a WordPress shop: name the shop, choose its points")
        self.panel.goto(f"{self.site.site.url}/system/shops")
        self.picture(self.panel, "shops")
        self.panel.get_by_role("link", name="Connect a WordPress shop").first.click()
        self.panel.get_by_label("Name", exact=True).fill("mugs")
        self.panel.get_by_label("Order statuses").fill("processing")
        self.picture(self.panel, "rule", "dialog[open]")
        self.panel.get_by_role("button", name="Get the code").click()
        expect(self.panel.get_by_role("link", name="Download the plugin").last).to_be_visible()
        self.picture(self.panel, "code", "dialog[open]")

    def download_plugin(self) -> Path:
        """The zip."""
        self.step("PointSync: download the plugin")
        with self.panel.expect_download() as found:
            self.panel.get_by_role("link", name="Download the plugin").last.click()
        path = self.pictures / found.value.suggested_filename
        found.value.save_as(path)
        return path

    def install_plugin(self, plugin: Path) -> None:
        """Upload it, install it and activate it, by WordPress's own pages."""
        self.step("WordPress › Plugins › Add Plugin › Upload Plugin: install and activate it")
        self.office.goto(f"{self.shop.url}/wp-admin/plugin-install.php?tab=upload")
        self.office.set_input_files("input[name=pluginzip]", plugin)
        self.picture(self.office, "upload")
        self.office.get_by_role("button", name="Install Now").click()
        expect(self.office.get_by_text("Plugin installed successfully")).to_be_visible()
        self.picture(self.office, "installed")
        self.office.get_by_role("link", name="Activate Plugin").click()
        expect(self.office.get_by_text("this shop is not connected yet").first).to_be_visible()
        self.picture(self.office, "activated")
        plugin.unlink()

    def copy_code(self) -> str:
        """The line that PointSync shows."""
        self.step("PointSync: copy the code")
        return self.panel.get_by_label("Code", exact=True).input_value()

    def paste_code(self, code: str) -> None:
        """In the shop."""
        self.step("WordPress › WooCommerce › PointSync: paste the code, press Connect")
        self.office.get_by_role("link", name="Connect", exact=True).first.click()
        self.office.get_by_label("Connection code").fill(code)
        self.picture(self.office, "paste", ".pointsync .card")
        self.office.get_by_role("button", name="Connect", exact=True).click()
        expect(self.office.get_by_text("This shop is connected with")).to_be_visible()
        self.picture(self.office, "connected")
        self.panel.goto(f"{self.site.site.url}/system/shops")
        expect(self.panel.get_by_text("Connected").first).to_be_visible()
        self.picture(self.panel, "status", "#main .group")

    def buy(self, product: int) -> None:
        """A guest buys a mug in the block checkout."""
        self.step("A customer orders and pays")
        page = self.visitor
        page.goto(f"{self.shop.url}/?p={product}")
        expect(page.get_by_text(f"Gives you {POINTS} points.")).to_be_visible()
        self.picture(page, "product")
        page.goto(f"{self.shop.url}/?add-to-cart={product}")
        page.goto(f"{self.shop.url}/checkout/")
        fill_in(page, CUSTOMER)
        expect(page.get_by_text(f"This order gives you {POINTS} points.").first).to_be_attached()
        self.picture(page, "checkout")
        place_order(page)
        self.picture(page, "ordered")

    def see_points(self) -> None:
        """In the other shop's PointSync, where the customer can spend them."""
        self.shop.tick()  # as the server's task for scheduled events, each minute
        wait_until(lambda: self.other.points(CUSTOMER) == POINTS, POINT_SECONDS, "the points are in the other site")
        _sign_in_panel(self.panel, self.other.site.url)
        self.panel.goto(f"{self.other.site.url}/customers?search={CUSTOMER}")
        self.panel.get_by_role("link", name=CUSTOMER).first.click()
        expect(self.panel.get_by_text("50").first).to_be_visible()
        self.picture(self.panel, "other-site")

    def step(self, what: str) -> None:
        """Begin the next step."""
        self.steps.append(what)

    def picture(self, page: Page, name: str, part: str | None = None) -> None:
        """Two pictures of a page, which must not ask for a secret."""
        assert page.locator("input[type=password]").count() == 0, f"{name} asks for a secret"
        self.picture_page(page, f"{len(self.steps)}-{name}", part)

    def picture_page(self, page: Page, name: str, part: str | None = None) -> None:
        """A picture of a page in each width, and one of a part of it, for the manual."""
        page.wait_for_load_state("networkidle")
        if part:
            page.set_viewport_size({"width": PART_WIDTH, "height": HEIGHT})
            page.locator(part).first.screenshot(path=self.pictures / f"{name}-part.png")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.wait_for_timeout(400)  # for what moves
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
                self.too_wide.append(f"{name} at {width}: {page.evaluate('document.documentElement.scrollWidth')}")
            path = self.pictures / f"{name}-{width}.png"
            if page.locator("dialog[open]").count():  # it is as high as the window
                page.set_viewport_size({"width": width, "height": DIALOG_HEIGHT})
                page.screenshot(path=path)
                continue
            height = min(page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT)
            page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
        page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def _window(browser: Browser) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": WIDTHS[0], "height": HEIGHT}, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


def _add_admin(site: SiteProcess) -> None:
    site.cli("admin", "create", ADMIN, "--password-stdin", input=f"{PASSWORD}\n")


def _sign_in(window: BrowserContext, site_url: str, shop_url: str, login: str) -> None:
    """The owner is signed in to PointSync and to WordPress before it begins."""
    page = window.new_page()
    _sign_in_panel(page, site_url)
    page.goto(f"{shop_url}/wp-login.php")
    page.fill("#user_login", login)
    page.fill("#user_pass", PASSWORD)
    page.click("#wp-submit")
    page.wait_for_url("**/wp-admin/**")
    page.close()


def _sign_in_panel(page: Page, url: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("Name").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

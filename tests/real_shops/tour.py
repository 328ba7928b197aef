"""Pictures of the plugin's other pages, in the shop that the walk has connected: what customers and the staff see."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.real_shops.block_checkout import fill_in, place_order
from tests.real_shops.buyer import PASSWORD, SETTINGS
from tests.real_shops.shop import Shop
from tests.support.family import Member

Picture = Callable[[Page, str, str | None], None]
"""Takes pictures of a page under a name, and of a part of it, by its selector."""
EMAIL, UNVERIFIED = "alice-tour@example.com", "bob-tour@example.com"
DARK = "twentytwentyone"
"""A theme with a dark mode, if the shop has it."""


class Tour:
    """The pages, one after the other."""

    def __init__(self, shop: Shop, site: Member, office: Page, visitor: Page, picture: Picture) -> None:
        self.shop, self.site, self.office, self.visitor, self.picture = shop, site, office, visitor, picture

    def run(self, product: int) -> None:
        """All pages."""
        shop = self.shop
        shop.do("spending", set={**SETTINGS, "values": {"EUR": "0.1"}})
        for email in (EMAIL, UNVERIFIED):
            shop.do("forget_account", email=email)
        account = shop.do("new_account", email=EMAIL, verified=True)["id"]
        shop.do("new_account", email=UNVERIFIED)
        for points, reason in ((420, "Order 1041"), (-100, "Paid with points: order 1048"), (180, "For your birthday")):
            self.site.record(EMAIL, points, reason=reason)
        shop.do("settle", queue=True)
        self.show_account()
        order_id = self.show_cart_and_checkout(product)
        self.show_office(order_id, account)
        self.show_unverified()
        if shop.do("theme", name=DARK)["is_there"]:
            self.show_dark(product)
            shop.do("theme", name="")

    def show_account(self) -> None:
        """My account › Points."""
        _sign_in(self.visitor, self.shop.url, EMAIL)
        self.visitor.goto(f"{self.shop.url}/my-account/points/")
        expect(self.visitor.locator(".pointsync-number")).to_have_text("500")
        self.picture(self.visitor, "account", ".woocommerce")

    def show_cart_and_checkout(self, product: int) -> int:
        """The blocks, and the classic pages; an order that is paid in part with points."""
        page = self.visitor
        page.goto(f"{self.shop.url}/?add-to-cart={product}")
        page.goto(f"{self.shop.url}/cart/")
        expect(page.get_by_label("Points to use").first).to_be_attached()
        self.picture(page, "cart-block", None)
        page.goto(f"{self.shop.url}/classic-cart/")
        self.picture(page, "cart-classic", None)
        page.goto(f"{self.shop.url}/classic-checkout/")
        page.get_by_label("Points to use").fill("200")
        self.picture(page, "checkout-classic-offer", None)
        page.get_by_role("button", name="Use points").click()
        expect(page.get_by_text("200 points pay").first).to_be_visible()
        self.picture(page, "checkout-classic-used", None)
        page.goto(f"{self.shop.url}/checkout/")
        expect(page.get_by_text("200 points pay").first).to_be_attached()
        fill_in(page, EMAIL)
        self.picture(page, "checkout-block-used", ".wp-block-woocommerce-checkout-order-summary-block >> nth=-1")
        place_order(page)
        self.picture(page, "ordered-with-points", None)
        [order_id] = re.findall(r"order-received/(\d+)", page.url)
        self.shop.do("settle", queue=True)
        self.shop.do("refund", id=int(order_id), amount="12", lines=[])
        self.shop.do("settle", queue=True)
        return int(order_id)

    def show_office(self, order_id: int, account: int) -> None:
        """What the staff sees."""
        page, admin = self.office, f"{self.shop.url}/wp-admin"
        page.goto(f"{admin}/admin.php?page=pointsync")
        self.picture(page, "state", ".pointsync-facts")
        page.goto(self.shop.do("edit_url", id=order_id)["url"])
        expect(page.locator("#pointsync-order")).to_be_attached()
        self.picture(page, "order", "#pointsync-order")
        page.goto(self.shop.do("edit_url", id=0)["url"])
        self.picture(page, "orders", None)
        page.goto(f"{admin}/user-edit.php?user_id={account}")
        self.picture(page, "profile", "#pointsync-profile + table")
        page.goto(f"{admin}/site-health.php?tab=debug")
        self.picture(page, "site-health", None)
        page.goto(f"{admin}/plugins.php")
        self.picture(page, "plugins", None)

    def show_unverified(self) -> None:
        """An account that has not confirmed its address."""
        self.visitor.context.clear_cookies()
        _sign_in(self.visitor, self.shop.url, UNVERIFIED)
        self.visitor.goto(f"{self.shop.url}/my-account/points/")
        self.picture(self.visitor, "confirm", ".woocommerce-MyAccount-content")

    def show_dark(self, product: int) -> None:
        """The same in a dark theme."""
        page = self.visitor
        page.emulate_media(color_scheme="dark")
        page.context.clear_cookies()
        _sign_in(page, self.shop.url, EMAIL)
        page.goto(f"{self.shop.url}/my-account/points/")
        self.picture(page, "dark-account", None)
        page.goto(f"{self.shop.url}/?add-to-cart={product}")
        for name in ("classic-cart", "cart", "checkout"):
            page.goto(f"{self.shop.url}/{name}/")
            page.locator(".pointsync-use").first.wait_for(state="attached")
            self.picture(page, f"dark-{name}", None)
        page.emulate_media(color_scheme="light")


def _sign_in(page: Page, url: str, email: str) -> None:
    page.goto(f"{url}/my-account/")
    page.fill("#username", email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Log out").first).to_be_attached()
